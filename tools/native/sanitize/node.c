// Starts Node.js with a sanitizer's library, even in an empty environment. Tests start it as "this Node.js". It is a program instead of
// a script, so that a test can set capabilities on it.
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// The loader ignores LD_PRELOAD for a program with file capabilities. So Node.js inherits them as ambient capabilities, for which the
// loader makes no exception (capabilities(7)).
static void hand_on_capabilities(void) {
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct sets[2];
  if (syscall(SYS_capget, &header, sets) < 0) return;
  for (int i = 0; i < 2; i++) sets[i].inheritable |= sets[i].permitted;
  if (syscall(SYS_capset, &header, sets) < 0) return;
  for (int cap = 0; cap < 64; cap++) {
    if (sets[cap / 32].permitted >> cap % 32 & 1) prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0);
  }
}

int main(int argc, char** argv) {
  (void)argc;
  char self[4096] = "";
  if (readlink("/proc/self/exe", self, sizeof self - 1) < 0) perror("readlink");
  if (getauxval(AT_SECURE)) hand_on_capabilities();
  setenv("SANITIZED_NODE", self, 1);
  setenv("UBSAN_OPTIONS", UBSAN, 1);
  setenv("ASAN_OPTIONS", ASAN, 0);
  setenv("LD_PRELOAD", LIBRARY, 1);
  execv(NODE, argv);
  perror(NODE);
  return 127;
}
