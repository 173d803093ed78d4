#include "ingest/http/password.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/list.h"
#include "shared/base/memory.h"

#define MAX_RUNNING 2u
#define OPERATIONS crypto_pwhash_OPSLIMIT_INTERACTIVE
#define MEMORY crypto_pwhash_MEMLIMIT_INTERACTIVE

/* Of 32 random bytes that nobody knows, with the limits above. */
static const char nobodys_hash[] = "$argon2id$v=19$m=65536,t=2,p=1$MOtRyMegg/g/"
                                   "9cB7req0qg$CHJYxSmkgf7VyJuF738JT5wFk5k50pboO7rnrgxag3I";

struct job {
    struct list link; /* passwords->waiting or ->running */
    uv_work_t work;
    struct passwords *passwords;
    bool compare, known;
    int error;
    char password[PASSWORD_MAX_BYTES + 1];
    char hash[crypto_pwhash_STRBYTES];
    password_done *on_done; /* NULL: nobody waits for it any more */
    void *owner;
};

struct passwords {
    uv_loop_t *loop;
    struct list waiting, running;
    unsigned job_count, running_count, max_jobs;
    uint64_t *computed;
    bool closing;
    void (*on_closed)(void *owner);
    void *closed_owner;
};

static void job_finish(struct job *job, int error)
{
    password_done *on_done = job->on_done;
    job->on_done = NULL;
    if (on_done)
        on_done(job->owner, error, error || job->compare ? NULL : job->hash);
}

static void job_free(struct job *job)
{
    job->passwords->job_count--;
    list_remove(&job->link);
    sodium_memzero(job, sizeof(*job));
    free(job);
}

/* On another thread, which touches nothing but the job. */
static void on_work(uv_work_t *work)
{
    struct job *job = work->data;
    size_t length = strlen(job->password);
    if (!job->compare)
        job->error =
            crypto_pwhash_str(job->hash, job->password, length, OPERATIONS, MEMORY) ? -ENOMEM : 0;
    else if (crypto_pwhash_str_verify(job->hash, job->password, length) || !job->known)
        job->error = -EACCES;
    sodium_memzero(job->password, sizeof(job->password));
}

static void close_if_idle(struct passwords *passwords)
{
    if (!passwords->closing || passwords->job_count)
        return;
    if (passwords->on_closed)
        passwords->on_closed(passwords->closed_owner);
    free(passwords);
}

static void run_waiting(struct passwords *passwords);

static void on_worked(uv_work_t *work, int status)
{
    struct job *job = work->data;
    struct passwords *passwords = job->passwords;
    passwords->running_count--;
    if (!status)
        ++*passwords->computed;
    job_finish(job, status ? -ECANCELED : job->error);
    job_free(job);
    run_waiting(passwords);
    close_if_idle(passwords);
}

static void run_waiting(struct passwords *passwords)
{
    while (passwords->running_count < MAX_RUNNING && !list_empty(&passwords->waiting)) {
        struct job *job = LIST_ITEM(passwords->waiting.next, struct job, link);
        list_remove(&job->link);
        list_append(&passwords->running, &job->link);
        passwords->running_count++;
        /* Fails only without a callback. */
        if (uv_queue_work(passwords->loop, &job->work, on_work, on_worked))
            abort();
    }
}

static int job_start(struct passwords *passwords, const char *password, const char *hash,
                     bool compare, password_done *on_done, void *owner)
{
    size_t length = strlen(password);
    if (length > PASSWORD_MAX_BYTES || (hash && strlen(hash) >= crypto_pwhash_STRBYTES))
        return -EINVAL;
    if (passwords->closing || passwords->job_count >= passwords->max_jobs)
        return -ENOBUFS;
    struct job *job = memory_zalloc(sizeof(*job));
    job->passwords = passwords;
    job->work.data = job;
    job->compare = compare;
    job->known = hash != NULL;
    job->on_done = on_done;
    job->owner = owner;
    memcpy(job->password, password, length);
    if (compare)
        memcpy(job->hash, hash ? hash : nobodys_hash, strlen(hash ? hash : nobodys_hash));
    passwords->job_count++;
    list_append(&passwords->waiting, &job->link);
    run_waiting(passwords);
    return 0;
}

int passwords_hash(struct passwords *passwords, const char *password, password_done *on_done,
                   void *owner)
{
    return job_start(passwords, password, NULL, false, on_done, owner);
}

int passwords_compare(struct passwords *passwords, const char *password, const char *hash,
                      password_done *on_done, void *owner)
{
    return job_start(passwords, password, hash, true, on_done, owner);
}

int password_check(const char *password)
{
    size_t length = strlen(password);
    if (length > PASSWORD_MAX_BYTES)
        return -E2BIG;
    return length < PASSWORD_MIN_BYTES ? -EINVAL : 0;
}

struct passwords *passwords_new(uv_loop_t *loop, unsigned max_jobs, uint64_t *computed)
{
    struct passwords *passwords = memory_zalloc(sizeof(*passwords));
    passwords->loop = loop;
    passwords->max_jobs = max_jobs;
    passwords->computed = computed;
    list_init(&passwords->waiting);
    list_init(&passwords->running);
    return passwords;
}

void passwords_close(struct passwords *passwords, void (*on_closed)(void *owner), void *owner)
{
    passwords->closing = true;
    passwords->on_closed = on_closed;
    passwords->closed_owner = owner;
    LIST_FOR_EACH(link, next, &passwords->running)
    job_finish(LIST_ITEM(link, struct job, link), -ECANCELED);
    while (!list_empty(&passwords->waiting)) {
        struct job *job = LIST_ITEM(passwords->waiting.next, struct job, link);
        /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): does not see that freeing moves the head */
        job_finish(job, -ECANCELED);
        job_free(job);
    }
    close_if_idle(passwords);
}
