/* POSIX: threads, mutexes, condition variables. */
#include "base/os.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/mem.h"

struct clg_thread {
    pthread_t handle;
    void (*fn)(void *);
    void *arg;
};

struct clg_mutex {
    pthread_mutex_t handle;
};

struct clg_cond {
    pthread_cond_t handle;
};

static void *run_thread(void *p)
{
    clg_thread *t = p;
    t->fn(t->arg);
    return NULL;
}

/* Signals go to the main thread: workers block them, so that no read is cut short. */
int clg__thread_start(clg_thread **out, void (*fn)(void *), void *arg)
{
    *out = NULL;
    clg_thread *t = clg__alloc(1, sizeof *t);
    if (t == NULL) {
        return CLG_E_MEMORY;
    }
    t->fn = fn;
    t->arg = arg;
    sigset_t all, old;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    int e = pthread_create(&t->handle, NULL, run_thread, t);
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (e != 0) {
        clg__free(t);
        return clg__fail(CLG_E_INTERNAL, "cannot start a thread: %s", strerror(e));
    }
    *out = t;
    return CLG_OK;
}

void clg__thread_join(clg_thread **t)
{
    if (*t != NULL) {
        (void)pthread_join((*t)->handle, NULL);
        clg__free(*t);
        *t = NULL;
    }
}

int clg__mutex_create(clg_mutex **out)
{
    clg_mutex *m = clg__alloc(1, sizeof *m);
    *out = m;
    if (m == NULL) {
        return CLG_E_MEMORY;
    }
    (void)pthread_mutex_init(&m->handle, NULL);
    return CLG_OK;
}

void clg__mutex_destroy(clg_mutex **m)
{
    if (*m != NULL) {
        (void)pthread_mutex_destroy(&(*m)->handle);
        clg__free(*m);
        *m = NULL;
    }
}

void clg__mutex_lock(clg_mutex *m)
{
    (void)pthread_mutex_lock(&m->handle);
}

void clg__mutex_unlock(clg_mutex *m)
{
    (void)pthread_mutex_unlock(&m->handle);
}

int clg__cond_create(clg_cond **out)
{
    clg_cond *c = clg__alloc(1, sizeof *c);
    *out = c;
    if (c == NULL) {
        return CLG_E_MEMORY;
    }
    (void)pthread_cond_init(&c->handle, NULL);
    return CLG_OK;
}

void clg__cond_destroy(clg_cond **c)
{
    if (*c != NULL) {
        (void)pthread_cond_destroy(&(*c)->handle);
        clg__free(*c);
        *c = NULL;
    }
}

void clg__cond_wait(clg_cond *c, clg_mutex *m)
{
    (void)pthread_cond_wait(&c->handle, &m->handle);
}

void clg__cond_signal_all(clg_cond *c)
{
    (void)pthread_cond_broadcast(&c->handle);
}
