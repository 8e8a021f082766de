/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who serves a FUSE session. One thread reads and answers, because the model has one lock and each hand-over
 * from thread to thread costs more than most answers. A thread that is about to wait (for a completion that
 * was dropped, say) lets another one read meanwhile, so that nobody waits for somebody else's device.
 */
#ifndef IDE_EMU_FUSE_LOOP_H
#define IDE_EMU_FUSE_LOOP_H

#include <pthread.h>
#include <stdbool.h>

struct fuse_session;

#define FUSE_LOOP_THREADS 66u /* as many as can wait at once (REQUESTS_MAX), one that reads, one to spare */

struct fuse_loop {
    struct fuse_session *session;  /* borrowed */
    void (*on_end)(void *context); /* the session ended by itself: it was unmounted */
    void *context;
    pthread_mutex_t lock; /* guards what is below */
    pthread_cond_t no_reader;
    bool has_reader, closing, ended;
    bool asked_soon; /* the reader's: the last request came soon after an answer */
    unsigned idle;   /* threads that wait to become the reader */
    unsigned count;
    pthread_t thread[FUSE_LOOP_THREADS];
};

/* Starts to serve. False: no thread could be started. */
bool fuse_loop_open(struct fuse_loop *loop, struct fuse_session *session, void (*on_end)(void *context),
                    void *context);

/* Ends all threads, each after the request that it is at. */
void fuse_loop_close(struct fuse_loop *loop);

/* To be called before a wait, from any thread: one that does not read has nothing to give up. */
void fuse_loop_about_to_wait(void);

#endif
