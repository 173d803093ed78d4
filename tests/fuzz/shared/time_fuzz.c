/* What is accepted keeps its value through the canonical form. */
#include <stdint.h>
#include <stdlib.h>

#include "shared/base/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define YEAR_1_US (-62135596800000000LL)
#define YEAR_10000_US 253402300800000000LL

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[TIME_RFC3339_SIZE];
    int64_t us, again;
    if (time_parse_rfc3339((const char *)data, size, &us))
        return 0;
    if (us < YEAR_1_US || us >= YEAR_10000_US)
        return 0; /* an offset has moved it out of what the canonical form can say */
    time_format_rfc3339(us, text);
    if (time_parse_rfc3339(text, sizeof(text) - 1, &again) || again != us)
        abort();
    return 0;
}
