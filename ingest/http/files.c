#include "ingest/http/files.h"

#include <brotli/encode.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>
#include <zlib.h>

#include "ingest/http/reply.h"
#include "shared/base/log.h"
#include "shared/base/memory.h"

#define MAX_FILE_BYTES (64l << 20)
#define MAX_FILES 4096u
#define COMPRESS_MIN_BYTES 512
#define PATH_BYTES 1024

enum encoding { PLAIN, GZIP, BROTLI, ENCODING_COUNT };

static const char *const encoding_names[] = {[GZIP] = "gzip", [BROTLI] = "br"};

struct variant {
    struct http_content *full, *unchanged; /* 200, 304; NULL: not worth having */
    char etag[48];
};

struct file {
    UT_hash_handle hh;
    char *path; /* as asked for, "/assets/app-1a2b3c.js" */
    struct variant variants[ENCODING_COUNT];
};

struct files {
    struct file *table;
    struct file *index; /* also in the table */
    char policy[1024];  /* Content-Security-Policy */
};

static const struct media {
    const char *suffix, *type;
    bool compress;
} media[] = {
    {".html", "text/html; charset=utf-8", true},
    {".js", "text/javascript; charset=utf-8", true},
    {".mjs", "text/javascript; charset=utf-8", true},
    {".css", "text/css; charset=utf-8", true},
    {".json", "application/json", true},
    {".map", "application/json", true},
    {".webmanifest", "application/manifest+json", true},
    {".svg", "image/svg+xml", true},
    {".txt", "text/plain; charset=utf-8", true},
    {".ico", "image/x-icon", false},
    {".png", "image/png", false},
    {".jpg", "image/jpeg", false},
    {".webp", "image/webp", false},
    {".woff2", "font/woff2", false},
    {".wasm", "application/wasm", true},
};

static const struct media *media_of(const char *path)
{
    static const struct media unknown = {"", "application/octet-stream", false};
    size_t length = strlen(path);
    for (size_t i = 0; i < ARRAY_LENGTH(media); i++) {
        size_t suffix = strlen(media[i].suffix);
        if (length > suffix && strcmp(path + length - suffix, media[i].suffix) == 0)
            return &media[i];
    }
    return &unknown;
}

/* Vite writes content hashes into the names of everything under assets/. */
static const char *cache_control(const char *path)
{
    return strncmp(path, "/assets/", 8) == 0 ? "public, max-age=31536000, immutable" : "no-cache";
}

static int read_file(int fd, struct buffer *out)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return -errno;
    if (status.st_size > MAX_FILE_BYTES)
        return -EFBIG;
    for (;;) {
        ssize_t count = read(fd, buffer_reserve(out, 65536), 65536);
        if (count < 0)
            return -errno;
        if (count == 0)
            return 0;
        out->length += (size_t)count;
    }
}

static bool compress_gzip(const struct buffer *in, struct buffer *out)
{
    z_stream stream = {0};
    if (deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    uLong bound = deflateBound(&stream, in->length);
    stream.next_in = (Bytef *)in->data;
    stream.avail_in = (uInt)in->length;
    stream.next_out = (Bytef *)buffer_reserve(out, bound);
    stream.avail_out = (uInt)bound;
    bool done = deflate(&stream, Z_FINISH) == Z_STREAM_END;
    out->length = stream.total_out;
    deflateEnd(&stream);
    return done;
}

static bool compress_brotli(const struct buffer *in, struct buffer *out)
{
    size_t size = BrotliEncoderMaxCompressedSize(in->length);
    char *target = buffer_reserve(out, size);
    /* Quality 9 costs a tenth of 11's time for a few per cent of size; start-up waits for it. */
    bool done = BrotliEncoderCompress(9, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_TEXT, in->length,
                                      (const uint8_t *)in->data, &size, (uint8_t *)target);
    out->length = done ? size : 0;
    return done;
}

static void variant_make(const struct files *files, struct file *file, enum encoding encoding,
                         const char *hash, const struct buffer *bytes)
{
    struct variant *variant = &file->variants[encoding];
    const char *name = encoding_names[encoding];
    snprintf(variant->etag, sizeof(variant->etag), "\"%s%s%s\"", hash, name ? "-" : "",
             name ? name : "");
    struct http_reply_header headers[] = {
        {"ETag", variant->etag},
        {"Cache-Control", cache_control(file->path)},
        {"Vary", "Accept-Encoding"},
        {"Content-Security-Policy", files->policy},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"Cross-Origin-Opener-Policy", "same-origin"},
        {"Content-Type", media_of(file->path)->type},
        {"Content-Encoding", name},
    };
    size_t count = ARRAY_LENGTH(headers);
    variant->full =
        http_content_new(200, bytes->data, bytes->length, headers, name ? count : count - 1);
    variant->unchanged = http_content_new(304, NULL, 0, headers, 7);
}

static void file_compress(const struct files *files, struct file *file, const char *hash,
                          const struct buffer *bytes)
{
    struct buffer small = BUFFER_INIT;
    if (!media_of(file->path)->compress || bytes->length < COMPRESS_MIN_BYTES)
        return;
    if (compress_gzip(bytes, &small) && small.length < bytes->length)
        variant_make(files, file, GZIP, hash, &small);
    buffer_clear(&small);
    if (compress_brotli(bytes, &small) && small.length < bytes->length)
        variant_make(files, file, BROTLI, hash, &small);
    buffer_done(&small);
}

static void file_add(struct files *files, const char *path, const struct buffer *bytes)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    char hash[33];
    crypto_hash_sha256(digest, (const unsigned char *)bytes->data, bytes->length);
    sodium_bin2hex(hash, sizeof(hash), digest, 16);
    struct file *file = memory_zalloc(sizeof(*file));
    file->path = memory_strdup(path);
    variant_make(files, file, PLAIN, hash, bytes);
    file_compress(files, file, hash, bytes);
    HASH_ADD_KEYPTR(hh, files->table, file->path, strlen(file->path), file);
    if (strcmp(path, "/index.html") == 0)
        files->index = file;
}

/* Folders that are still to be read, by their path under the root. */
struct folder {
    struct folder *next;
    char path[PATH_BYTES];
};

static void folder_push(struct folder **folders, const char *path)
{
    struct folder *folder = memory_zalloc(sizeof(*folder));
    snprintf(folder->path, sizeof(folder->path), "%s", path);
    folder->next = *folders;
    *folders = folder;
}

/* `path` is under the root. A folder is put aside for later. */
static int load_entry(struct files *files, const char *root, const char *path,
                      struct folder **folders)
{
    char name[PATH_BYTES];
    struct buffer bytes = BUFFER_INIT;
    struct stat status;
    int length = snprintf(name, sizeof(name), "%s%s", root, path);
    if (length < 0 || length >= (int)sizeof(name))
        return -ENAMETOOLONG;
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    int error = fstat(fd, &status) < 0 ? -errno : 0;
    if (!error && S_ISDIR(status.st_mode)) {
        folder_push(folders, path);
    } else if (!error && S_ISREG(status.st_mode)) {
        error = HASH_COUNT(files->table) < MAX_FILES ? read_file(fd, &bytes) : -EMFILE;
        if (!error)
            file_add(files, path, &bytes);
    }
    buffer_done(&bytes);
    close(fd);
    return error;
}

static int load_folder(struct files *files, const char *root, const char *folder,
                       struct folder **folders)
{
    char name[PATH_BYTES];
    struct dirent *entry;
    int error = 0;
    int length = snprintf(name, sizeof(name), "%s%s", root, folder);
    if (length < 0 || length >= (int)sizeof(name))
        return -ENAMETOOLONG;
    DIR *stream = opendir(name);
    if (!stream)
        return -errno;
    while (!error && (entry = readdir(stream))) {
        if (entry->d_name[0] == '.')
            continue;
        length = snprintf(name, sizeof(name), "%s/%s", folder, entry->d_name);
        error =
            length >= (int)sizeof(name) ? -ENAMETOOLONG : load_entry(files, root, name, folders);
    }
    closedir(stream);
    return error;
}

static int load_root(struct files *files, const char *root)
{
    struct folder *folders = NULL;
    int error = 0;
    folder_push(&folders, "");
    while (folders) {
        struct folder *folder = folders;
        folders = folder->next;
        if (!error)
            error = load_folder(files, root, folder->path, &folders);
        free(folder);
    }
    return error;
}

/* scheme://host[:port] of the hub, for connect-src; characters that end a directive drop it. */
static void policy_make(struct files *files, const char *hub_url)
{
    const char *host = strstr(hub_url, "://");
    size_t length = host ? (size_t)(host - hub_url) + 3 + strcspn(host + 3, "/?#") : 0;
    if (strcspn(hub_url, "; ,'\"\r\n") < length || length > 256)
        length = 0;
    snprintf(files->policy, sizeof(files->policy),
             "default-src 'self'; connect-src 'self'%s%.*s; img-src 'self' data:; "
             "style-src 'self'; script-src 'self'; object-src 'none'; base-uri 'none'; "
             "form-action 'self'; frame-ancestors 'none'",
             length ? " " : "", (int)length, hub_url);
}

int files_load(const char *root, const char *hub_url, struct files **ret_files)
{
    struct files *files = memory_zalloc(sizeof(*files));
    policy_make(files, hub_url);
    int error = *root ? load_root(files, root) : 0;
    if (error)
        files_free(files);
    else
        *ret_files = files;
    return error;
}

void files_free(struct files *files)
{
    struct file *file, *next;
    if (!files)
        return;
    HASH_ITER(hh, files->table, file, next)
    {
        HASH_DEL(files->table, file);
        for (int i = 0; i < ENCODING_COUNT; i++) {
            http_content_free(file->variants[i].full);
            http_content_free(file->variants[i].unchanged);
        }
        free(file->path);
        free(file);
    }
    free(files);
}

unsigned files_count(const struct files *files)
{
    return HASH_COUNT(files->table);
}

/* Whether the Accept-Encoding header allows `name`: listed, and not with q=0. */
static bool accepts(const char *header, const char *name)
{
    size_t length = strlen(name);
    for (const char *at = header; at; at = strchr(at, ',')) {
        at += strspn(at, ", \t");
        if (strncasecmp(at, name, length) != 0 || (at[length] && !strchr(",; \t", at[length])))
            continue;
        const char *end = at + strcspn(at, ",");
        const char *weight = strstr(at, "q=");
        return !weight || weight > end || strtod(weight + 2, NULL) > 0;
    }
    return false;
}

static const struct variant *choose(const struct file *file, const char *accept_encoding)
{
    if (accept_encoding && file->variants[BROTLI].full && accepts(accept_encoding, "br"))
        return &file->variants[BROTLI];
    if (accept_encoding && file->variants[GZIP].full && accepts(accept_encoding, "gzip"))
        return &file->variants[GZIP];
    return &file->variants[PLAIN];
}

/* A page address has no dot in its last part; a missing asset must not become a page. */
static bool is_page(const char *path)
{
    const char *last = strrchr(path, '/');
    return !last || !strchr(last, '.');
}

bool files_answer(const struct files *files, struct http_request *request)
{
    struct file *file;
    HASH_FIND_STR(files->table, request->path, file);
    if (!file && is_page(request->path))
        file = files->index;
    if (!file)
        return false;
    const struct variant *variant = choose(file, http_request_header(request, "Accept-Encoding"));
    const char *known = http_request_header(request, "If-None-Match");
    bool unchanged = known && (strstr(known, variant->etag) || strcmp(known, "*") == 0);
    http_request_answer_content(request, unchanged ? variant->unchanged : variant->full);
    return true;
}
