/* Networks, IPv4 and IPv6: from which an API key may be used, whose proxies are trusted. An IPv4
 * address in its IPv6 form
 * (::ffff:192.0.2.1) is that IPv4 address, in rules and of clients, so that a rule means the same
 * on a socket of either kind; a rule of the IPv6 world (::/0) is none for IPv4. */
#ifndef MH_INGEST_NETWORKS_H
#define MH_INGEST_NETWORKS_H

#include <stdbool.h>

#include "shared/base/base.h"

#define NETWORKS_MAX 50u
#define NETWORKS_ADDRESS_SIZE 46u

struct networks;

/* `text` is `address/bits` or `address`, parted by spaces; one at least. -EINVAL. */
MUST_CHECK int networks_parse(const char *text, struct networks **ret_networks);
/* `address` is numeric; what is no address is in no network. */
bool networks_contain(const struct networks *networks, const char *address);
/* The one way to write the numeric address `text`. -EINVAL. */
MUST_CHECK int networks_address(const char *text, char out[NETWORKS_ADDRESS_SIZE]);
void networks_free(struct networks *networks);

#endif
