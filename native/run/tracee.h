// A process that waits in a system call: its memory, its descriptors, its rights.
#pragma once

#include <linux/seccomp.h>
#include <stdint.h>

#include "../owned.h"

namespace run {

class Tracee {
 public:
  Tracee(int listener, const seccomp_notif& call) : listener_(listener), call_(call) {}

  uint64_t Argument(size_t index) const { return call_.data.args[index]; }
  int Call() const { return call_.data.nr; }
  int Pid() const { return static_cast<int>(call_.pid); }

  // 0 or an errno. After a success the process still waits in this call: else the memory might be another's.
  int Read(uint64_t from, void* to, size_t length) const;
  // A copy of its descriptor; none where the kernel's rules of ptrace forbid that.
  Descriptor Copy(int fd) const;
  // What its /proc/PID/comm says, with a zero at the end; nothing where that is hidden.
  void ReadName(char* to, size_t size) const;
  // Whether it may open raw sockets itself.
  bool HasNetRaw() const;
  // Answers the call: with a descriptor that it gets, in place of `fd` where that isn't -1.
  void Give(int descriptor, bool closeOnExec) const;
  bool Replace(int fd, int descriptor) const;
  // With an error, or 0 for success.
  void Finish(int error) const { Respond(-error, 0); }
  void Continue() const { Respond(0, SECCOMP_USER_NOTIF_FLAG_CONTINUE); }

 private:
  void Respond(int error, uint32_t flags) const;
  // Reads up to `size` - 1 bytes of a file in its folder of /proc, and puts a zero behind them. Returns their number, 0 after an error.
  size_t ReadFile(const char* file, char* to, size_t size) const;
  // A number in a line `name: …` of such a file.
  bool Field(const char* file, const char* name, int base, uint64_t* value) const;

  int listener_;
  const seccomp_notif& call_;
};

}  // namespace run
