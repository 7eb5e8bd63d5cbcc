#pragma once

#include <sys/types.h>

#include "../owned.h"

struct sock_filter;

namespace run {

// The seccomp program: sockets and addresses are left to the supervisor, what it can't judge is refused.
struct CallFilter {
  const sock_filter* code;
  unsigned short length;
};
CallFilter MakeCallFilter();

// Starts a program under the filter; `words` end with a null pointer. Returns its pid, or a negative errno.
int Start(char* const* words, Descriptor* listener);

}  // namespace run
