/* Work of the host shared by threads. */
#ifndef CLG_BASE_PARALLEL_H
#define CLG_BASE_PARALLEL_H

enum { CLG_SHARES_MAX = 4 };

/* As many as the machine has processors, at most CLG_SHARES_MAX and at least 1. */
unsigned clg__shares(void);

/* work(arg, share, shares) for each share < shares <= CLG_SHARES_MAX, each in a thread of its own,
 * the first in the caller's; returns when all are done. Where a thread cannot be started the caller
 * does its share too. A message (clg_message) of another thread is not the caller's. */
void clg__parallel(void (*work)(void *arg, unsigned share, unsigned shares), void *arg,
                   unsigned shares);

#endif
