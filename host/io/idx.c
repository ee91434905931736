/* IDX files, the format of MNIST: two zero bytes, a type byte, a rank byte, big-endian dimensions,
 * then the elements. Only unsigned bytes (type 0x08) are read. Not here: searching the known homes
 * (dataset.c). */
#include "io/dataset_internal.h"

#include <stdio.h>
#include <string.h>

#include <zlib.h>

#include "base/mem.h"
#include "base/str.h"

enum { HEADER_MAX = 4 + 4 * 4, DEFLATE_RATIO_MAX = 1032, WINDOW_BITS_GZIP = 15 + 16 };

static int fail_cut(const char *name)
{
    return clg__hint(clg__fail(CLG_E_DATA, "%s: the file is cut: it ends inside the header", name),
                     "get the file again");
}

static uint32_t get_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The first four bytes: rank, or a fault. */
static int parse_magic(const uint8_t *p, const char *name, uint32_t *rank)
{
    if (p[0] != 0u || p[1] != 0u) {
        return clg__hint(clg__fail(CLG_E_DATA, "%s: not an IDX file: it starts with %02x %02x",
                                   name, p[0], p[1]),
                         "get the file again; it should come from an MNIST-like set");
    }
    if (p[2] != 0x08u) {
        return clg__hint(clg__fail(CLG_E_DATA, "%s: IDX type 0x%02x, wanted 0x08", name, p[2]),
                         "only sets of unsigned bytes can be read");
    }
    if (p[3] != 1u && p[3] != 3u && p[3] != 4u) {
        return clg__hint(clg__fail(CLG_E_DATA, "%s: IDX of rank %u, wanted 1, 3 or 4", name, p[3]),
                         "images are [n,h,w] or [n,h,w,c], labels [n]");
    }
    *rank = p[3];
    return CLG_OK;
}

/* dim and size from the header, all of whose 4 + 4 * rank bytes are there. */
static int parse_dims(const uint8_t *p, const char *name, clg_idx *out)
{
    out->size = 1;
    for (uint32_t i = 0; i < out->rank; i++) {
        out->dim[i] = get_be32(p + 4u + 4u * i);
        if (!clg__mul(out->size, out->dim[i], &out->size)) {
            return clg__hint(clg__fail(CLG_E_DATA, "%s: the header declares more bytes than fit "
                                                   "in memory", name),
                             "get the file again");
        }
    }
    if (out->size == 0u) {
        return clg__hint(clg__fail(CLG_E_DATA, "%s: the header declares no data", name),
                         "get the file again");
    }
    return CLG_OK;
}

static int fail_size(const char *name, const clg_idx *idx, const char *how, uint64_t held)
{
    return clg__hint(clg__fail(CLG_E_DATA, "%s: the header declares %zu bytes of data, the file "
                                           "holds %s%llu",
                               name, idx->size, how, (unsigned long long)held),
                     "the file is cut or damaged: get it again");
}

static int parse_plain(const uint8_t *bytes, size_t n, const char *name, clg_idx *out)
{
    if (n < 4u) {
        return fail_cut(name);
    }
    int status = parse_magic(bytes, name, &out->rank);
    if (status != CLG_OK) {
        return status;
    }
    size_t header = 4u + 4u * (size_t)out->rank;
    if (n < header) {
        return fail_cut(name);
    }
    status = parse_dims(bytes, name, out);
    if (status != CLG_OK) {
        return status;
    }
    if (n - header != out->size) {
        return fail_size(name, out, "", n - header);
    }
    out->data = bytes + header;
    out->crc = (uint32_t)crc32_z(crc32(0, NULL, 0), bytes, n);
    return CLG_OK;
}

/* ---- gzip ---- */

typedef struct gz_reader {
    z_stream z;
    const uint8_t *bytes; /* not yet given to zlib */
    size_t left;
    unsigned members;     /* complete gzip members */
    bool ended;           /* the last member is complete */
} gz_reader;

static size_t unread(const gz_reader *g)
{
    return g->left + g->z.avail_in;
}

/* Inflates up to n bytes to dst; fewer only at the end of the data. Another member after the end of
 * one goes on with the data, as gunzip does. */
static int inflate_some(gz_reader *g, uint8_t *dst, size_t n, size_t *got, const char *name)
{
    const size_t most = 1u << 30;
    *got = 0;
    while (*got < n && !g->ended) {
        if (g->z.avail_in == 0u) {
            size_t give = g->left < most ? g->left : most;
            g->z.next_in = (z_const Bytef *)g->bytes;
            g->z.avail_in = (uInt)give;
            g->bytes += give;
            g->left -= give;
        }
        size_t want = n - *got < most ? n - *got : most;
        g->z.next_out = dst + *got;
        g->z.avail_out = (uInt)want;
        int rc = inflate(&g->z, Z_NO_FLUSH);
        *got += want - g->z.avail_out;
        if (rc == Z_STREAM_END) {
            g->ended = unread(g) == 0u;
            g->members++;
            if (!g->ended && inflateReset(&g->z) != Z_OK) {
                rc = Z_STREAM_ERROR;
            }
        }
        if (rc == Z_BUF_ERROR && unread(g) == 0u) {
            return clg__hint(clg__fail(CLG_E_DATA, "%s: the file is cut: its gzip data end early",
                                       name),
                             "get the file again");
        }
        if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR) {
            return clg__hint(clg__fail(CLG_E_DATA, "%s: damaged gzip data: %s", name,
                                       g->z.msg != NULL ? g->z.msg : "no reason given"),
                             "get the file again");
        }
    }
    return CLG_OK;
}

static int inflate_header(gz_reader *g, const char *name, clg_idx *out, uint8_t header[HEADER_MAX])
{
    int status = CLG_OK;
    size_t got = 0;
    CLG_TRY(inflate_some(g, header, 4, &got, name));
    if (got < 4u) {
        return fail_cut(name);
    }
    CLG_TRY(parse_magic(header, name, &out->rank));
    CLG_TRY(inflate_some(g, header + 4, 4u * (size_t)out->rank, &got, name));
    if (got < 4u * (size_t)out->rank) {
        return fail_cut(name);
    }
    CLG_TRY(parse_dims(header, name, out));
out:
    return status;
}

static int inflate_all(gz_reader *g, size_t n, const char *name, clg_idx *out)
{
    int status = CLG_OK;
    uint8_t header[HEADER_MAX], beyond = 0;
    size_t got = 0, more = 0;
    CLG_TRY(inflate_header(g, name, out, header));
    if (out->size / DEFLATE_RATIO_MAX > n) { /* never take memory for what cannot be there */
        return fail_size(name, out, "at most ", (uint64_t)n * DEFLATE_RATIO_MAX);
    }
    out->owned = clg__alloc(out->size, 1);
    if (out->owned == NULL) {
        return CLG_E_MEMORY;
    }
    CLG_TRY(inflate_some(g, out->owned, out->size, &got, name));
    if (got < out->size) {
        return fail_size(name, out, "", got);
    }
    CLG_TRY(inflate_some(g, &beyond, 1, &more, name)); /* also checks the CRC at the end */
    if (more != 0u) {
        return fail_size(name, out, "more than ", out->size);
    }
    out->data = out->owned;
    if (g->members == 1u) { /* zlib has it already */
        out->crc = (uint32_t)g->z.adler;
    } else {
        out->crc = (uint32_t)crc32_z(0, header, 4u + 4u * (size_t)out->rank);
        out->crc = (uint32_t)crc32_z(out->crc, out->data, out->size);
    }
out:
    return status;
}

static int parse_gzip(const uint8_t *bytes, size_t n, const char *name, clg_idx *out)
{
    gz_reader g = { .bytes = bytes, .left = n };
    if (inflateInit2(&g.z, WINDOW_BITS_GZIP) != Z_OK) {
        return clg__fail(CLG_E_MEMORY, "%s: zlib found no memory", name);
    }
    int status = inflate_all(&g, n, name, out);
    (void)inflateEnd(&g.z);
    return status;
}

int clg__idx_parse(const uint8_t *bytes, size_t n, const char *name, clg_idx *out)
{
    *out = (clg_idx){ 0 };
    if (n == 0u) {
        return clg__hint(clg__fail(CLG_E_DATA, "%s: the file is empty", name),
                         "get the file again");
    }
    bool gzip = n >= 2u && bytes[0] == 0x1fu && bytes[1] == 0x8bu;
    int status = gzip ? parse_gzip(bytes, n, name, out) : parse_plain(bytes, n, name, out);
    if (status != CLG_OK) {
        clg__free(out->owned);
        *out = (clg_idx){ 0 };
    }
    return status;
}

/* ---- a folder of them ---- */

static const char *const PREFIX[2][2] = { { "train", "train" }, { "t10k", "test" } };

/* The file of `what` ("images", "labels") and split among names, in any usual spelling; or NULL. */
static const char *find_name(char *const *names, size_t n, enum clg_split split, const char *what)
{
    const char *rank = strcmp(what, "images") == 0 ? "idx3" : "idx1";
    for (unsigned v = 0; v < 8u; v++) {
        char want[64];
        (void)snprintf(want, sizeof want, "%s-%s%c%s-ubyte%s", PREFIX[split][v & 1u], what,
                       (v & 2u) != 0u ? '.' : '-', rank, (v & 4u) != 0u ? ".gz" : "");
        for (size_t i = 0; i < n; i++) {
            if (strcmp(names[i], want) == 0) {
                return names[i];
            }
        }
    }
    return NULL;
}

bool clg__dataset_is_idx(char *const *names, size_t n)
{
    return find_name(names, n, CLG_SPLIT_TRAIN, "images") != NULL ||
           find_name(names, n, CLG_SPLIT_TEST, "images") != NULL;
}

/* map keeps a plain file's bytes alive: idx->data points into it. */
static int read_file(const char *dir, const char *name, clg_map *map, clg_idx *idx)
{
    int status = CLG_OK;
    char *path = clg__os_join(dir, name);
    if (path == NULL) {
        return CLG_E_MEMORY;
    }
    CLG_TRY(clg__os_map_file(path, map));
    CLG_TRY(clg__idx_parse(map->data, map->size, path, idx));
out:
    clg__free(path);
    return status;
}

static int take_images(clg_dataset *ds, const char *dir, const char *name)
{
    clg_idx idx = { 0 };
    int status = read_file(dir, name, &ds->map, &idx);
    if (status != CLG_OK) {
        return status;
    }
    ds->owned = idx.owned;
    uint32_t c = idx.rank == 4u ? idx.dim[3] : 1u;
    if (idx.rank < 3u || (c != 1u && c != 3u)) {
        return clg__hint(clg__fail(CLG_E_DATA, "%s/%s: rank %u with %u channels is not a set of "
                                               "images", dir, name, idx.rank, c),
                         "images are [n,h,w] or [n,h,w,c] with c 1 or 3");
    }
    if (idx.dim[1] > 65535u || idx.dim[2] > 65535u) {
        return clg__hint(clg__fail(CLG_E_DATA, "%s/%s: images of %ux%u pixels are too large", dir,
                                   name, idx.dim[2], idx.dim[1]),
                         "get the file again");
    }
    ds->pixels = idx.data;
    ds->info.count = idx.dim[0];
    ds->h = idx.dim[1];
    ds->w = idx.dim[2];
    ds->c = c;
    ds->info.fingerprint = clg__hash64(&idx.crc, sizeof idx.crc, 0);
    if (idx.owned != NULL) {
        clg__os_unmap(&ds->map);
    }
    return CLG_OK;
}

static int take_labels(clg_dataset *ds, const char *dir, const char *name)
{
    clg_idx idx = { 0 };
    clg_map map = { 0 };
    int status = CLG_OK;
    CLG_TRY(read_file(dir, name, &map, &idx));
    if (idx.rank != 1u || idx.dim[0] != ds->info.count) {
        CLG_TRY(clg__hint(clg__fail(CLG_E_DATA, "%s/%s: %u labels of rank %u for %u images", dir,
                                    name, idx.dim[0], idx.rank, ds->info.count),
                          "the two files do not belong together: get both again, or remove the "
                          "labels"));
    }
    ds->labels = clg__alloc(ds->info.count, sizeof *ds->labels);
    if (ds->labels == NULL) {
        status = CLG_E_MEMORY;
        goto out;
    }
    uint32_t most = 0;
    for (uint32_t i = 0; i < ds->info.count; i++) {
        ds->labels[i] = idx.data[i];
        most = idx.data[i] > most ? idx.data[i] : most;
    }
    CLG_TRY(clg__dataset_number_classes(ds, most + 1u));
out:
    clg__free(idx.owned);
    clg__os_unmap(&map);
    return status;
}

int clg__dataset_open_idx(clg_dataset *ds, const char *dir, enum clg_split split)
{
    int status = CLG_OK;
    char **names = NULL;
    size_t n = 0;
    CLG_TRY(clg__os_list(dir, &names, &n));
    const char *images = find_name(names, n, split, "images");
    const char *labels = find_name(names, n, split, "labels");
    if (images == NULL) {
        CLG_TRY(clg__hint(clg__fail(CLG_E_DATA, "%s: no %s-images-idx3-ubyte[.gz]", dir,
                                    PREFIX[split][0]),
                          "put the file there, or choose the other split"));
    }
    (void)snprintf(ds->info.kind, sizeof ds->info.kind, "idx");
    CLG_TRY(take_images(ds, dir, images));
    if (labels != NULL) {
        CLG_TRY(take_labels(ds, dir, labels));
    }
    ds->info.fingerprint = clg__dataset_hash_labels(ds, ds->info.fingerprint);
out:
    clg__os_list_free(&names, n);
    return status;
}
