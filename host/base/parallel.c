/* Threads for one piece of work, started and joined. */
#include "base/parallel.h"

#include "base/os.h"

typedef struct one_share {
    void (*work)(void *arg, unsigned share, unsigned shares);
    void *arg;
    unsigned share, shares;
} one_share;

static void do_share(void *arg)
{
    const one_share *s = arg;
    s->work(s->arg, s->share, s->shares);
}

unsigned clg__shares(void)
{
    const unsigned n = clg__os_cpu_count();
    return n > CLG_SHARES_MAX ? CLG_SHARES_MAX : n < 1u ? 1u : n;
}

void clg__parallel(void (*work)(void *arg, unsigned share, unsigned shares), void *arg,
                   unsigned shares)
{
    clg_thread *thread[CLG_SHARES_MAX] = { NULL };
    one_share part[CLG_SHARES_MAX];
    for (unsigned i = 1; i < shares; i++) {
        part[i] = (one_share){ .work = work, .arg = arg, .share = i, .shares = shares };
        if (clg__thread_start(&thread[i], do_share, &part[i]) != CLG_OK) {
            thread[i] = NULL;
            do_share(&part[i]);
        }
    }
    work(arg, 0, shares);
    for (unsigned i = 1; i < shares; i++) {
        clg__thread_join(&thread[i]);
    }
}
