/* Readable records of what was measured on a device, kept in <cache dir>/tuning:
 *
 *     clgan tuning record 1
 *     platform: Portable Computing Language
 *     device: ...
 *     driver: 3.1
 *     <further lines that must be as they are: versions>
 *     <body>
 *     sum: 00c0ffee00c0ffee
 *
 * A record is used only if the checksum over the lines before it fits and its head is this
 * device's; the rest is for who knows the body to judge. It may be carried to another machine. */
#ifndef CLG_RT_RECORD_H
#define CLG_RT_RECORD_H

#include "rt/rt.h"

typedef struct clg_record_kind {
    const char *title; /* first line, without its end */
    const char *about; /* lines after the driver, each with its end */
    size_t max;        /* bytes of a file that are read */
} clg_record_kind;

/* <cache dir>/tuning/<hash of the head>.txt */
int clg__record_path(const clg_device_info *d, const clg_record_kind *kind, char *dst, size_t cap);
/* Atomic. body: lines. */
int clg__record_write(const clg_device_info *d, const clg_record_kind *kind, const char *body);
/* *body by clg__free. false: absent, or not to be trusted (then a WARN log line says why). */
bool clg__record_read(const clg_device_info *d, const clg_record_kind *kind, char **body);
/* The WARN line of a body that is wrong: "not understood". */
void clg__record_ignore(const clg_device_info *d, const clg_record_kind *kind, const char *why);

#endif
