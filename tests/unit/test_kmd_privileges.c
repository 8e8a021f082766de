/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What ide-kmd can no longer do once it serves: each in a process of its own, which may die of it. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "tools/ide-kmd/privileges.h"

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

/* The child's own verdict, when it lives. */
enum verdict { REFUSED = 0, DONE = 1, NOT_SEALED = 2, OTHERWISE = 3 };

/* In a child after privileges_seal(); the verdict, or 256 and the signal that it died of. */
static int sealed(int (*attempt)(void))
{
    int status = 0;
    char error[PRIVILEGES_ERROR];
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (!privileges_seal(error)) {
            fprintf(stderr, "%s\n", error);
            _exit(NOT_SEALED);
        }
        _exit(attempt());
    }
    CU_ASSERT_FATAL(child > 0 && waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int refused_with(long result, int err)
{
    if (result >= 0)
        return DONE;
    return errno == err ? REFUSED : OTHERWISE;
}

/* ---- what an intruder would need ----------------------------------------- */

static int run_a_program(void)
{
    char *const arguments[] = {"/bin/true", NULL};
    execv(arguments[0], arguments);
    return OTHERWISE;
}

static int trace_the_parent(void)
{
    return refused_with(ptrace(PTRACE_SEIZE, getppid(), 0, 0), EPERM);
}

static int read_another(void)
{
    return refused_with(syscall(SYS_process_vm_readv, getppid(), NULL, 0UL, NULL, 0UL, 0UL), EPERM);
}

static int mount_something(void)
{
    return refused_with(syscall(SYS_mount, "none", "/nonexistent", "tmpfs", 0UL, NULL), EPERM);
}

static int become_another(void)
{
    return refused_with(syscall(SYS_setuid, 65534), EPERM);
}

static int load_a_filter(void)
{
    return refused_with(syscall(SYS_bpf, 0, NULL, 0), EPERM);
}

static int load_a_module(void)
{
    return refused_with(syscall(SYS_finit_module, -1, "", 0), EPERM);
}

static int give_a_file_away(void)
{
    return refused_with(syscall(SYS_fchownat, AT_FDCWD, "/nonexistent", 65534, 65534, 0), EPERM);
}

static void what_an_intruder_needs_ends_the_process(void)
{
    static int (*const attempts[])(void) = {read_another,  mount_something, become_another,
                                            load_a_filter, load_a_module,   give_a_file_away};
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++)
        CU_ASSERT_EQUAL(sealed(attempts[i]), 256 + SIGSYS);
}

/* The sanitizers' own reports need both, and such builds are for tests alone. */
static void other_programs_and_other_memory_are_out_of_reach(void)
{
    if (IS_SANITIZED)
        return;
    CU_ASSERT_EQUAL(sealed(run_a_program), 256 + SIGSYS);
    CU_ASSERT_EQUAL(sealed(trace_the_parent), 256 + SIGSYS);
}

/* ---- what is refused ----------------------------------------------------- */

static int open_tcp(void)
{
    return refused_with(socket(AF_INET, SOCK_STREAM, 0), EAFNOSUPPORT);
}

static int open_tcp6(void)
{
    return refused_with(socket(AF_INET6, SOCK_STREAM, 0), EAFNOSUPPORT);
}

static int open_packets(void)
{
    return refused_with(socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT);
}

static int listen_somewhere(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "\0ide-km-test"};
    return fd < 0 ? OTHERWISE : refused_with(bind(fd, (void *)&address, sizeof address), ENOSYS);
}

static int map_writable_code(void)
{
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return refused_with(memory == MAP_FAILED ? -1 : 0, EACCES);
}

static int make_data_code(void)
{
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? OTHERWISE
                                : refused_with(mprotect(memory, 4096, PROT_READ | PROT_EXEC), EACCES);
}

static int raise_a_limit(void)
{
    const struct rlimit limit = {1, 1};
    return refused_with(syscall(SYS_setrlimit, RLIMIT_CORE, &limit), ENOSYS);
}

static int something_new(void)
{
    return refused_with(syscall(100000), ENOSYS);
}

static void what_is_not_needed_is_refused(void)
{
    static int (*const attempts[])(void) = {open_tcp,         open_tcp6,         open_packets,
                                            listen_somewhere, map_writable_code, make_data_code,
                                            raise_a_limit,    something_new};
    for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++)
        CU_ASSERT_EQUAL(sealed(attempts[i]), REFUSED);
}

/* ---- threads ------------------------------------------------------------- */

static atomic_bool is_sealed;
static atomic_int verdict;

static void *wait_and_try(void *unused)
{
    while (!atomic_load(&is_sealed))
        usleep(1000);
    atomic_store(&verdict, open_tcp());
    return unused;
}

static void *try_at_once(void *unused)
{
    atomic_store(&verdict, open_tcp());
    return unused;
}

/* libzmq's threads are there before; a worker's comes later. */
static int earlier_and_later_threads(void)
{
    pthread_t thread;
    atomic_store(&verdict, OTHERWISE);
    if (pthread_create(&thread, NULL, try_at_once, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return OTHERWISE;
    return atomic_load(&verdict);
}

static void the_seal_holds_in_each_thread(void)
{
    char error[PRIVILEGES_ERROR];
    pthread_t earlier;
    int status = 0;
    CU_ASSERT_EQUAL(sealed(earlier_and_later_threads), REFUSED);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        atomic_store(&verdict, OTHERWISE);
        bool ok = pthread_create(&earlier, NULL, wait_and_try, NULL) == 0 && privileges_seal(error);
        atomic_store(&is_sealed, true);
        pthread_join(earlier, NULL);
        _exit(ok ? atomic_load(&verdict) : NOT_SEALED);
    }
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == REFUSED);
}

/* ---- the rest ------------------------------------------------------------ */

static int no_new_privileges(void)
{
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");
    int found = OTHERWISE;
    while (file && fgets(line, sizeof line, file))
        if (strcmp(line, "NoNewPrivs:\t1\n") == 0)
            found = REFUSED;
    if (file)
        fclose(file);
    return found;
}

static void no_program_gives_rights_back(void)
{
    CU_ASSERT_EQUAL(sealed(no_new_privileges), REFUSED);
}

static unsigned long long capabilities(const char *set)
{
    unsigned long long bits = ~0ULL;
    char line[256];
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, set, strlen(set)) == 0)
            sscanf(line + strlen(set), ":\t%llx", &bits);
    if (file)
        fclose(file);
    return bits;
}

#define BIT(capability) (1ULL << (capability))
#define SYS_ADMIN       BIT(21)
#define SYS_RAWIO       BIT(17)
#define IPC_LOCK        BIT(14)

/* In a child: what is left for these needs is within allowed, and all that is wanted of what there was is
 * there. */
static int left_with(const struct privilege_needs *needs, unsigned long long wanted)
{
    char error[PRIVILEGES_ERROR];
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        unsigned long long had = capabilities("CapEff");
        bool ok = privileges_drop(needs, error);
        unsigned long long has = capabilities("CapEff");
        ok = ok && (has & ~(wanted | IPC_LOCK)) == 0 && (has & wanted) == (had & wanted) &&
             capabilities("CapPrm") == has && capabilities("CapInh") == 0 &&
             (capabilities("CapBnd") == 0 || !(had & BIT(8)));
        _exit(ok ? REFUSED : OTHERWISE);
    }
    CU_ASSERT_FATAL(child > 0 && waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : OTHERWISE;
}

static void capabilities_are_those_that_are_needed(void)
{
    CU_ASSERT_EQUAL(left_with(&(struct privilege_needs){false, false}, 0), REFUSED);
    CU_ASSERT_EQUAL(left_with(&(struct privilege_needs){true, false}, SYS_ADMIN), REFUSED);
    CU_ASSERT_EQUAL(left_with(&(struct privilege_needs){true, true}, SYS_ADMIN | SYS_RAWIO), REFUSED);
}

static int undumpable(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_CORE, &limit) != 0 || limit.rlim_max != 0)
        return OTHERWISE;
    return prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? REFUSED : OTHERWISE;
}

static void there_is_no_core_dump(void)
{
    char error[PRIVILEGES_ERROR];
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(privileges_forbid_dumps(error) ? undumpable() : NOT_SEALED);
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    CU_ASSERT(WIFEXITED(status) && WEXITSTATUS(status) == REFUSED);
}

int main(void)
{
    CU_TestInfo tests[] = {
        TEST(what_an_intruder_needs_ends_the_process),
        TEST(other_programs_and_other_memory_are_out_of_reach),
        TEST(what_is_not_needed_is_refused),
        TEST(the_seal_holds_in_each_thread),
        TEST(no_program_gives_rights_back),
        TEST(capabilities_are_those_that_are_needed),
        TEST(there_is_no_core_dump),
        CU_TEST_INFO_NULL,
    };
    return suite_run("ide-kmd: what is left of root", tests);
}
