/* A file with a trace's content, for tests. */
#ifndef MH_TRACE_FILE_H
#define MH_TRACE_FILE_H

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/test.h"

#define TRACE_HEADER                                                                               \
    "gmt_create,predict_type,predict_status,exec_time_seconds,groupId,prompt_length,"              \
    "negative_prompt_length,num_images_per_prompt,num_inference_steps,"                            \
    "checkpoint_model_version_id,num_lora\n"

/* `path` is a mkstemp template; the caller unlinks. */
static inline void trace_file_write(char *path, const char *rows)
{
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, TRACE_HEADER, strlen(TRACE_HEADER)), strlen(TRACE_HEADER));
    assert_int_equal(write(fd, rows, strlen(rows)), strlen(rows));
    close(fd);
}

#endif
