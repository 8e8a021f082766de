/* SPDX-License-Identifier: GPL-2.0-or-later */
/* privileges_seal(): which system calls are left. */
#include "tools/ide-kmd/privileges.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#endif

/* ---- what is allowed, whatever its arguments ----------------------------- */

static const int memory_calls[] = {
    SCMP_SYS(brk),        SCMP_SYS(munmap),       SCMP_SYS(mremap),   SCMP_SYS(madvise),
    SCMP_SYS(mlock),      SCMP_SYS(mlock2),       SCMP_SYS(munlock),  SCMP_SYS(msync),
    SCMP_SYS(membarrier), SCMP_SYS(memfd_create), SCMP_SYS(mlockall), SCMP_SYS(munlockall),
};

static const int thread_calls[] = {
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(get_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(getcpu),
    SCMP_SYS(gettid),
};

static const int time_calls[] = {
    SCMP_SYS(nanosleep),    SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday),    SCMP_SYS(time),
    SCMP_SYS(times),        SCMP_SYS(getrusage),
};

static const int self_calls[] = {
    SCMP_SYS(getpid),    SCMP_SYS(getppid), SCMP_SYS(getuid),    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),    SCMP_SYS(getegid), SCMP_SYS(getresuid), SCMP_SYS(getresgid),
    SCMP_SYS(getgroups), SCMP_SYS(uname),   SCMP_SYS(sysinfo),   SCMP_SYS(getrandom),
    SCMP_SYS(getrlimit), SCMP_SYS(capget),  SCMP_SYS(umask),     SCMP_SYS(getcwd),
};

/* The state in SQLite, trust and reference folders, configuration space in sysfs. */
static const int file_calls[] = {
    SCMP_SYS(open),       SCMP_SYS(openat),     SCMP_SYS(close),     SCMP_SYS(close_range),
    SCMP_SYS(read),       SCMP_SYS(write),      SCMP_SYS(readv),     SCMP_SYS(writev),
    SCMP_SYS(pread64),    SCMP_SYS(pwrite64),   SCMP_SYS(preadv),    SCMP_SYS(pwritev),
    SCMP_SYS(lseek),      SCMP_SYS(fstat),      SCMP_SYS(stat),      SCMP_SYS(lstat),
    SCMP_SYS(newfstatat), SCMP_SYS(statx),      SCMP_SYS(access),    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2), SCMP_SYS(getdents64), SCMP_SYS(readlink),  SCMP_SYS(readlinkat),
    SCMP_SYS(fcntl),      SCMP_SYS(flock),      SCMP_SYS(ftruncate), SCMP_SYS(fallocate),
    SCMP_SYS(fsync),      SCMP_SYS(fdatasync),  SCMP_SYS(fadvise64), SCMP_SYS(rename),
    SCMP_SYS(renameat),   SCMP_SYS(renameat2),  SCMP_SYS(unlink),    SCMP_SYS(unlinkat),
    SCMP_SYS(mkdir),      SCMP_SYS(mkdirat),    SCMP_SYS(fchmod),    SCMP_SYS(chmod),
    SCMP_SYS(fchmodat),   SCMP_SYS(statfs),     SCMP_SYS(fstatfs),   SCMP_SYS(dup),
    SCMP_SYS(dup3),       SCMP_SYS(pipe2),      SCMP_SYS(io_setup),  SCMP_SYS(io_destroy),
    SCMP_SYS(io_submit),  SCMP_SYS(io_getevents),
};

/* Sockets that are there, and connections to them. None can be bound any more. */
static const int socket_calls[] = {
    SCMP_SYS(accept),     SCMP_SYS(accept4),     SCMP_SYS(connect),     SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),    SCMP_SYS(sendmmsg),    SCMP_SYS(recvfrom),    SCMP_SYS(recvmsg),
    SCMP_SYS(recvmmsg),   SCMP_SYS(shutdown),
};

static const int event_calls[] = {
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(select),
    SCMP_SYS(pselect6),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_create),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(eventfd2),
    SCMP_SYS(signalfd4),
    SCMP_SYS(timerfd_create),
    SCMP_SYS(timerfd_settime),
    SCMP_SYS(timerfd_gettime),
    SCMP_SYS(inotify_init1),
    SCMP_SYS(inotify_add_watch),
    SCMP_SYS(inotify_rm_watch),
};

/* ---- what ends the process ----------------------------------------------- */

/* What whoever has taken a process over does next, and ide-kmd and its libraries never do: other programs,
 * other processes' memory, more rights, the kernel, mounts, the clock that certificates are held against. To
 * die is safe: ports turn streams Insecure without their sessions, and systemd starts another. */
static const int deadly_calls[] = {
    SCMP_SYS(execveat),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(kcmp),
    SCMP_SYS(setuid),
    SCMP_SYS(setgid),
    SCMP_SYS(setreuid),
    SCMP_SYS(setregid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setresgid),
    SCMP_SYS(setgroups),
    SCMP_SYS(setfsuid),
    SCMP_SYS(setfsgid),
    SCMP_SYS(capset),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(reboot),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(mknod),
    SCMP_SYS(mknodat),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(chown),
    SCMP_SYS(lchown),
    SCMP_SYS(fchownat),
    SCMP_SYS(personality),
    SCMP_SYS(acct),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(clock_adjtime),
    SCMP_SYS(sethostname),
    SCMP_SYS(setdomainname),
    SCMP_SYS(syslog),
};

/* Those that AddressSanitizer and LeakSanitizer make: they stop all threads to look for leaks, and start a
 * program that names the lines of a report. */
static const int sanitizer_calls[] = {
    SCMP_SYS(execve),          SCMP_SYS(ptrace),    SCMP_SYS(fork),       SCMP_SYS(vfork),
    SCMP_SYS(clone),           SCMP_SYS(wait4),     SCMP_SYS(waitid),     SCMP_SYS(kill),
    SCMP_SYS(tkill),           SCMP_SYS(prctl),     SCMP_SYS(pipe),       SCMP_SYS(dup2),
    SCMP_SYS(setsid),          SCMP_SYS(prlimit64), SCMP_SYS(arch_prctl), SCMP_SYS(getdents),
    SCMP_SYS(set_tid_address), SCMP_SYS(tgkill),    SCMP_SYS(socketpair), SCMP_SYS(ioctl),
};

/* Which of the two lists a build without and with sanitizers has for what only these may do. */
static const int tracing_calls[] = {SCMP_SYS(execve), SCMP_SYS(ptrace), SCMP_SYS(fork), SCMP_SYS(vfork)};

#if defined(__SANITIZE_ADDRESS__)
#define IS_SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define IS_SANITIZED true
#endif
#endif
#ifndef IS_SANITIZED
#define IS_SANITIZED false
#endif

/* ---- what depends on arguments ------------------------------------------- */

struct conditional {
    int call;
    uint32_t action;
    struct scmp_arg_cmp argument[2];
    unsigned arguments;
};

#define ARGUMENT(n, mask, value)                                                                             \
    {                                                                                                        \
        (n), SCMP_CMP_MASKED_EQ, (mask), (value)                                                             \
    }
#define ALL ((scmp_datum_t)-1)
#define WX  ((scmp_datum_t)(PROT_WRITE | PROT_EXEC))

static const struct conditional conditionals[] = {
    /* threads, and no processes; clone3, whose flags are behind a pointer, is one that this kernel does not
       have */
    {SCMP_SYS(clone), SCMP_ACT_ALLOW, {ARGUMENT(0, CLONE_THREAD, CLONE_THREAD)}, 1},
    /* libzmq's threads say that they want to be scheduled as all others */
    {SCMP_SYS(sched_setscheduler), SCMP_ACT_ALLOW, {{1, SCMP_CMP_EQ, SCHED_OTHER, 0}}, 1},
    /* no memory is ever both written to and run; libraries that are loaded later are run from their files */
    {SCMP_SYS(mmap), SCMP_ACT_ALLOW, {ARGUMENT(2, PROT_EXEC, 0)}, 1},
    {SCMP_SYS(mmap), SCMP_ACT_ALLOW, {ARGUMENT(2, WX, PROT_EXEC)}, 1},
    {SCMP_SYS(mmap), SCMP_ACT_ERRNO(EACCES), {ARGUMENT(2, WX, WX)}, 1},
    {SCMP_SYS(mprotect), SCMP_ACT_ALLOW, {ARGUMENT(2, PROT_EXEC, 0)}, 1},
    {SCMP_SYS(mprotect), SCMP_ACT_ERRNO(EACCES), {ARGUMENT(2, PROT_EXEC, PROT_EXEC)}, 1},
    /* the journal, systemd and name services; every other connection comes in */
    {SCMP_SYS(socket), SCMP_ACT_ALLOW, {{0, SCMP_CMP_EQ, AF_UNIX, 0}}, 1},
    {SCMP_SYS(socket), SCMP_ACT_ERRNO(EAFNOSUPPORT), {{0, SCMP_CMP_NE, AF_UNIX, 0}}, 1},
    /* the names of threads and of memory; whether this is a terminal; what the limits are */
    {SCMP_SYS(prctl), SCMP_ACT_ALLOW, {{0, SCMP_CMP_EQ, PR_SET_NAME, 0}}, 1},
    {SCMP_SYS(prctl), SCMP_ACT_ALLOW, {{0, SCMP_CMP_EQ, PR_SET_VMA, 0}}, 1},
    {SCMP_SYS(ioctl), SCMP_ACT_ALLOW, {ARGUMENT(1, 0xffffffff, TCGETS)}, 1},
    {SCMP_SYS(ioctl), SCMP_ACT_ALLOW, {ARGUMENT(1, 0xffffffff, FIONREAD)}, 1},
    /* SQLite gives the files beside a database its owner, if it runs as root: itself */
    {SCMP_SYS(fchown), SCMP_ACT_ALLOW, {{1, SCMP_CMP_EQ, 0, 0}, {2, SCMP_CMP_EQ, 0, 0}}, 2},
    {SCMP_SYS(prlimit64), SCMP_ACT_ALLOW, {ARGUMENT(0, ALL, 0), ARGUMENT(2, ALL, 0)}, 2},
};

/* ---- putting it together ------------------------------------------------- */

static int add_calls(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
    int err = 0;
    for (size_t i = 0; i < count && err == 0; i++)
        err = seccomp_rule_add(filter, action, calls[i], 0);
    return err;
}
#define ADD(filter, action, list) add_calls(filter, action, list, sizeof(list) / sizeof *(list))

static int add_allowed(scmp_filter_ctx filter)
{
    static const struct {
        const int *calls;
        size_t count;
    } groups[] = {
#define GROUP(list) {list, sizeof(list) / sizeof *(list)}
        GROUP(memory_calls), GROUP(thread_calls), GROUP(time_calls),  GROUP(self_calls),
        GROUP(file_calls),   GROUP(socket_calls), GROUP(event_calls),
    };
    int err = 0;
    for (size_t i = 0; i < sizeof groups / sizeof *groups && err == 0; i++)
        err = add_calls(filter, SCMP_ACT_ALLOW, groups[i].calls, groups[i].count);
    return err;
}

static int add_conditionals(scmp_filter_ctx filter)
{
    const struct scmp_arg_cmp ourselves = {0, SCMP_CMP_EQ, (scmp_datum_t)getpid(), 0};
    int err = 0;
    for (size_t i = 0; i < sizeof conditionals / sizeof *conditionals && err == 0; i++)
        err = seccomp_rule_add_array(filter, conditionals[i].action, conditionals[i].call,
                                     conditionals[i].arguments, conditionals[i].argument);
    /* abort() */
    return err != 0 ? err : seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, &ourselves);
}

static int add_all(scmp_filter_ctx filter)
{
    int err = add_allowed(filter);
    if (err == 0)
        err = ADD(filter, SCMP_ACT_KILL_PROCESS, deadly_calls);
    if (err == 0)
        err = IS_SANITIZED ? ADD(filter, SCMP_ACT_ALLOW, sanitizer_calls)
                           : ADD(filter, SCMP_ACT_KILL_PROCESS, tracing_calls);
    return err == 0 ? add_conditionals(filter) : err;
}

static int load(scmp_filter_ctx filter)
{
    int err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1); /* libzmq has threads already */
    if (err == 0)
        err = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (err == 0)
        err = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree instead of a list of 150 */
    if (err == 0)
        err = add_all(filter);
    return err == 0 ? seccomp_load(filter) : err; /* with no_new_privs, which it sets */
}

bool privileges_seal(char error[PRIVILEGES_ERROR])
{
    /* What is in no list is answered as by a kernel that does not have it, so that a newer C library falls
     * back. */
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    int err = filter ? load(filter) : -ENOMEM;
    if (filter)
        seccomp_release(filter);
    if (err != 0)
        snprintf(error, PRIVILEGES_ERROR, "system calls could not be limited: %s", strerror(-err));
    return err == 0;
}
