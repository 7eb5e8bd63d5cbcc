// The connections of a program, wherever its processes have them.
#pragma once

namespace run {

// What the sockets of one program have in common, and no others.
class Mark {
 public:
  static Mark Make();
  void Put(int fd) const;
  bool IsOn(int fd) const;

 private:
  // As utimensat(2) takes them.
  long seconds_ = 0;
  long nanoseconds_ = 0;
};

// Whether it is one of TCP, or on the way to be one.
bool IsConnection(int fd);

// Resets the TCP connection of another process's descriptor, if its socket has the mark and is bound to the device, or to a device
// that is gone. 1 if it did, 0 if it is no such connection, or a negative errno.
int Cut(const Mark& mark, const char* device, int pid, int fd);

}  // namespace run
