// What one JavaScript environment (main thread or worker) owns: its descriptors, its poller, its packet buffers.
#pragma once

#include <napi.h>
#include <stdint.h>

#include "packets.h"
#include "poller.h"
#include "relay/relay.h"
#include "run/supervisor.h"

class Environment {
 public:
  static Environment& Of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

  // Owns the descriptor from now on, or closes it and returns -ENOMEM. Passes negative values through.
  int Own(int fd);
  bool Owns(int fd) const;
  // Owns it no longer; false if it never did.
  bool Disown(int fd);
  // Another owner may take it at any moment from now on, until it is disowned.
  void Lend(int fd);
  // Stops the threads and closes every descriptor still owned.
  void Close();

  Poller poller;
  relay::Relay relay;
  run::Supervisor supervisor;
  PacketBuffers packets;

 private:
  uint64_t* owned_ = nullptr;
  int words_ = 0;
  int lent_ = -1;
  uint64_t lentCookie_ = 0;
};

void DefineSockets(Napi::Env env, Napi::Object exports);
void DefineOpen(Napi::Env env, Napi::Object exports);
void DefineOptions(Napi::Env env, Napi::Object exports);
void DefinePackets(Napi::Env env, Napi::Object exports);
void DefinePoller(Napi::Env env, Napi::Object exports);
void DefineFaults(Napi::Env env, Napi::Object exports);
