#include "hub/session/tls.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/base/memory.h"

struct tls {
    const char *certificate_path, *key_path;
    X509 *certificate;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
};

static const char *library_reason(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return reason ? reason : "not in PEM format";
}

static int refuse(const char *path, const char *reason)
{
    log_error("TLS: %s: %s", path, reason);
    return -EINVAL;
}

/* ---- files ---- */

/* NULL after one log line. */
static FILE *open_file(const char *path, bool private)
{
    struct stat status;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const char *fault = NULL;
    if (descriptor < 0 || fstat(descriptor, &status) < 0)
        fault = strerror(errno);
    else if (!S_ISREG(status.st_mode))
        fault = "not a file";
    else if (private && (status.st_mode & (S_IRWXG | S_IRWXO)))
        fault = "others may read this file: chmod 600 it";
    FILE *file = fault ? NULL : fdopen(descriptor, "r");
    if (!file) {
        (void)refuse(path, fault ? fault : strerror(errno));
        if (descriptor >= 0)
            close(descriptor);
    }
    return file;
}

/* Without it OpenSSL would ask at the terminal. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the library's type */
static int no_password(char *out, int size, int writing, void *owner)
{
    (void)out;
    (void)size;
    (void)writing;
    (void)owner;
    return -1;
}

static int read_key(struct tls *tls)
{
    FILE *file = open_file(tls->key_path, true);
    if (!file)
        return -EINVAL;
    tls->key = PEM_read_PrivateKey(file, NULL, no_password, NULL);
    (void)fclose(file);
    return tls->key ? 0 : refuse(tls->key_path, library_reason());
}

static int read_certificate(struct tls *tls)
{
    FILE *file = open_file(tls->certificate_path, false);
    if (!file)
        return -EINVAL;
    tls->certificate = PEM_read_X509(file, NULL, no_password, NULL);
    tls->chain = sk_X509_new_null();
    X509 *next = NULL;
    while (tls->certificate && tls->chain &&
           (next = PEM_read_X509(file, NULL, no_password, NULL)) != NULL)
        if (!sk_X509_push(tls->chain, next))
            X509_free(next);
    (void)fclose(file);
    if (!tls->certificate || !tls->chain)
        return refuse(tls->certificate_path, library_reason());
    /* The end of a file is an error of this kind; another one is a damaged chain. */
    unsigned long error = ERR_peek_last_error();
    if (ERR_GET_REASON(error) != PEM_R_NO_START_LINE)
        return refuse(tls->certificate_path, library_reason());
    ERR_clear_error();
    return 0;
}

/* In a context that nobody uses: whether they belong together and are strong enough. */
static int check(const struct tls *tls)
{
    SSL_CTX *scratch = SSL_CTX_new(TLS_server_method());
    bool good = scratch &&
                SSL_CTX_use_cert_and_key(scratch, tls->certificate, tls->key, tls->chain, 1) == 1;
    SSL_CTX_free(scratch);
    return good ? 0 : refuse(tls->certificate_path, library_reason());
}

static void log_validity(const struct tls *tls)
{
    struct tm end = {0};
    const ASN1_TIME *until = X509_get0_notAfter(tls->certificate);
    char text[32] = "?";
    if (ASN1_TIME_to_tm(until, &end))
        (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &end);
    bool over = X509_cmp_current_time(until) < 0;
    log_write(over ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "TLS: %s is valid until %s",
              tls->certificate_path, text);
}

static int load(struct tls *tls)
{
    ERR_clear_error();
    int error = read_certificate(tls);
    if (!error)
        error = read_key(tls);
    if (!error)
        error = check(tls);
    if (!error)
        log_validity(tls);
    return error;
}

static void drop(struct tls *tls)
{
    X509_free(tls->certificate);
    sk_X509_pop_free(tls->chain, X509_free);
    EVP_PKEY_free(tls->key);
}

/* ---- life ---- */

int tls_open(const char *certificate, const char *key, struct tls **ret_tls)
{
    *ret_tls = NULL;
    if (!*certificate && !*key)
        return 0;
    if (!*certificate || !*key) {
        log_error("TLS: tls_certificate and tls_key are set both or not at all");
        return -EINVAL;
    }
    struct tls *tls = memory_zalloc(sizeof(*tls));
    *tls = (struct tls){.certificate_path = certificate, .key_path = key};
    int error = load(tls);
    if (error)
        tls_free(tls);
    else
        *ret_tls = tls;
    return error;
}

void tls_reload(struct tls *tls)
{
    if (!tls)
        return;
    struct tls fresh = {.certificate_path = tls->certificate_path, .key_path = tls->key_path};
    if (load(&fresh)) {
        log_warning("TLS: the old certificate stays");
        drop(&fresh);
        return;
    }
    drop(tls);
    *tls = fresh;
}

/* At each handshake, instead of once in the context, where a new certificate with another kind of
 * key would stand beside the old one. */
static int on_handshake(SSL *connection, void *owner)
{
    const struct tls *tls = owner;
    SSL_certs_clear(connection);
    return SSL_use_cert_and_key(connection, tls->certificate, tls->key, tls->chain, 1);
}

void tls_serve(struct tls *tls, void *context)
{
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    /* Most connections are idle at any moment. */
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_cert_cb(context, on_handshake, tls);
}

void tls_free(struct tls *tls)
{
    if (!tls)
        return;
    drop(tls);
    free(tls);
}

ssize_t tls_write(void *connection, const void *bytes, size_t length)
{
    int size = length < INT_MAX ? (int)length : INT_MAX;
    ERR_clear_error();
    int written = SSL_write(connection, bytes, size);
    if (written > 0)
        return written;
    int reason = SSL_get_error(connection, written);
    return reason == SSL_ERROR_WANT_WRITE || reason == SSL_ERROR_WANT_READ ? -EAGAIN : -EIO;
}
