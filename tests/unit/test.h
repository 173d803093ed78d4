/* cmocka, which wants these headers before its own. */
#ifndef MH_TEST_H
#define MH_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
