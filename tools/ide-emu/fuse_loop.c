/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tools/ide-emu/fuse_loop.h"

#define FUSE_USE_VERSION 35
#include <fuse_lowlevel.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

/* Wakes a thread that reads: it looks whether it shall end only after a signal. */
#define WAKE_SIGNAL   SIGUSR1
#define WAKE_PAUSE_NS 2000000

/* So long after an answer the next request is looked for without sleeping. */
#define SOON_NS 50000u

/* The loop whose reader this thread is. */
static _Thread_local struct fuse_loop *reads_for;

static void on_wake(int sig)
{
    (void)sig;
}

/* --- One thread ----------------------------------------------------------------------------------------- */

/* Waits until nobody reads. False: it is over. */
static bool become_reader(struct fuse_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    loop->idle++;
    while (loop->has_reader && !loop->closing && !loop->ended)
        pthread_cond_wait(&loop->no_reader, &loop->lock);
    loop->idle--;
    bool goes_on = !loop->closing && !loop->ended;
    if (goes_on)
        loop->has_reader = true;
    pthread_mutex_unlock(&loop->lock);
    reads_for = goes_on ? loop : NULL;
    return goes_on;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/*
 * Who reads one register after another waits, each time, until the thread that answers is awake; on a
 * processor that sleeps that takes longer than the answer. So the thread stays awake for a moment, as long as
 * the last request came in such a moment. To yield is to let whoever asks run, where there is but one
 * processor.
 */
static int receive(struct fuse_loop *loop, struct fuse_buf *request)
{
    struct pollfd fuse = {.fd = fuse_session_fd(loop->session), .events = POLLIN};
    uint64_t since = now_ns();
    int result;
    while ((result = fuse_session_receive_buf(loop->session, request)) == -EAGAIN) {
        if (loop->asked_soon && now_ns() - since < SOON_NS)
            sched_yield();
        else
            (void)poll(&fuse, 1,
                       -1); /* a signal ends it too: then the session is over, or nothing is there */
    }
    loop->asked_soon = now_ns() - since < SOON_NS;
    return result;
}

/* Serves until it was about to wait, or until the session is over. */
static void read_requests(struct fuse_loop *loop, struct fuse_buf *request)
{
    while (reads_for == loop && !fuse_session_exited(loop->session)) {
        int result = receive(loop, request);
        if (result > 0)
            fuse_session_process_buf(loop->session, request);
        else if (result != -EINTR)
            fuse_session_exit(loop->session);
    }
}

/* The first that finds the session over says so, unless it was meant to be. */
static void end(struct fuse_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    bool is_news = !loop->ended && !loop->closing;
    loop->ended = true;
    pthread_cond_broadcast(&loop->no_reader);
    pthread_mutex_unlock(&loop->lock);
    if (is_news)
        loop->on_end(loop->context);
}

static void *serve(void *context)
{
    struct fuse_loop *loop = context;
    struct fuse_buf request = {0};
    sigset_t wake;
    sigemptyset(&wake);
    sigaddset(&wake, WAKE_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &wake, NULL);
    while (become_reader(loop)) {
        read_requests(loop, &request);
        if (fuse_session_exited(loop->session))
            end(loop);
    }
    free(request.mem);
    return NULL;
}

/* Lock held. */
static bool add_thread(struct fuse_loop *loop)
{
    if (loop->closing || loop->count == FUSE_LOOP_THREADS ||
        pthread_create(&loop->thread[loop->count], NULL, serve, loop) != 0)
        return false;
    loop->count++;
    return true;
}

void fuse_loop_about_to_wait(void)
{
    struct fuse_loop *loop = reads_for;
    if (!loop)
        return;
    pthread_mutex_lock(&loop->lock);
    if (loop->idle > 0 || add_thread(loop)) {
        loop->has_reader = false;
        reads_for = NULL;
        pthread_cond_signal(&loop->no_reader);
    }
    pthread_mutex_unlock(&loop->lock);
}

/* --- All of them ---------------------------------------------------------------------------------------- */

bool fuse_loop_open(struct fuse_loop *loop, struct fuse_session *session, void (*on_end)(void *context),
                    void *context)
{
    struct sigaction action = {.sa_handler = on_wake};
    int fd = fuse_session_fd(session);
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) != 0)
        return false;
    *loop = (struct fuse_loop){.session = session, .on_end = on_end, .context = context};
    sigaction(WAKE_SIGNAL, &action, NULL);
    pthread_mutex_init(&loop->lock, NULL);
    pthread_cond_init(&loop->no_reader, NULL);
    pthread_mutex_lock(&loop->lock);
    bool ok = add_thread(loop);
    pthread_mutex_unlock(&loop->lock);
    return ok;
}

void fuse_loop_close(struct fuse_loop *loop)
{
    pthread_mutex_lock(&loop->lock);
    loop->closing = true;
    pthread_cond_broadcast(&loop->no_reader);
    unsigned count = loop->count;
    pthread_mutex_unlock(&loop->lock);
    fuse_session_exit(loop->session);
    for (unsigned i = 0; i < count; i++)
        while (pthread_tryjoin_np(loop->thread[i], NULL) != 0) {
            pthread_kill(loop->thread[i], WAKE_SIGNAL);
            nanosleep(&(struct timespec){.tv_nsec = WAKE_PAUSE_NS}, NULL);
        }
    pthread_cond_destroy(&loop->no_reader);
    pthread_mutex_destroy(&loop->lock);
}
