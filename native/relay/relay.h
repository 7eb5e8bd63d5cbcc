// A thread that moves the bytes of tunnels between pairs of connected sockets. It knows no protocol.
#pragma once

#include <napi.h>
#include <pthread.h>
#include <stdint.h>

#include "tunnel.h"

namespace relay {

class Lock {
 public:
  explicit Lock(pthread_mutex_t& mutex) : mutex_(mutex) { pthread_mutex_lock(&mutex_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;
  ~Lock() { pthread_mutex_unlock(&mutex_); }

 private:
  pthread_mutex_t& mutex_;
};

class Relay {
 public:
  // Numbers of each tunnel in the table of `Ended`: id, error, and the counts of `Counts`.
  static constexpr size_t kEndFields = 6;

  // A descriptor that is readable while ended tunnels wait for `Ended`, or a negative errno.
  int Start();
  // Resets all tunnels.
  void Stop();

  // The id of the tunnel, or a negative errno: the descriptors are still the caller's then.
  int Open(int client, int upstream, Bytes toClient, Bytes toUpstream, uint32_t idleTimeout);
  // Resets it: its end is reported like any other.
  int Cut(int id);
  // Bytes read from the client and from the other end: the low and the high half of each.
  int Counts(int id, int32_t* counts);
  // Fills in tunnels that have ended, whose ids are free then. How many.
  int Ended(int32_t* table, int most);

 private:
  static void* Run(void* self);
  void Work();
  bool TakeCommands(bool isAwaiting);
  void Take(Tunnel* tunnel);
  int Follow(Side& side, int operation);
  bool Note(Side& side, uint32_t events);
  void GetReady(Tunnel* tunnel);
  void MoveAll();
  void Move(Tunnel* tunnel);
  void EndIdle();
  void Finish(Tunnel* tunnel, int error);
  void Report();
  int Timeout();
  // In ms.
  static uint32_t Now();
  static void Signal(const Descriptor& event);

  Tunnel* Find(int id) const { return id >= 0 && id < size_ ? tunnels_[id] : nullptr; }
  bool MakeRoom();
  void Free(Tunnel* tunnel);

  Descriptor epoll_;
  Descriptor wake_;
  Descriptor reports_;
  bool running_ = false;
  pthread_t thread_{};

  // Only JavaScript's thread uses these.
  Tunnel** tunnels_ = nullptr;
  int size_ = 0;
  // No id below is free.
  int nextId_ = 0;

  // Both threads use these, under the lock, and some members of each tunnel.
  pthread_mutex_t lock_ = PTHREAD_MUTEX_INITIALIZER;
  Tunnel* incoming_ = nullptr;
  Tunnel* ended_ = nullptr;
  // The thread has met an event of the next one.
  bool isAwaited_ = false;
  bool cutting_ = false;
  bool stopping_ = false;
  // Whether the thread wakes up to look for idle tunnels, and when.
  bool looks_ = false;
  uint32_t nextLook_ = 0;

  // Only the relay's thread uses these.
  Pipes pipes_;
  Tunnel* open_ = nullptr;
  Tunnel* ready_ = nullptr;
  Tunnel* finished_ = nullptr;
  uint32_t now_ = 0;
  uint32_t reported_ = 0;
  bool isReporting_ = false;
  bool starved_ = false;
};

}  // namespace relay

void DefineRelay(Napi::Env env, Napi::Object exports);
