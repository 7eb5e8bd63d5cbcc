#include "supervisor.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "../arguments.h"
#include "../environment.h"
#include "../threads.h"
#include "start.h"

namespace run {
namespace {
constexpr size_t kMostCalls = 64;
}

int Supervisor::Start(Descriptor listener, bool resolvers) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) return -errno;
  reports_ = Descriptor(ends[0]);
  confinement_.reporting = Descriptor(ends[1]);
  wake_ = Descriptor(sys::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake_) return -errno;
  listener_ = std::move(listener);
  confinement_.resolvers = resolvers;
  confinement_.moved = false;
  confinement_.mark = Mark::Make();
  int error = CreateThread(&thread_, Run, this);
  running_ = error == 0;
  return error;
}

void Supervisor::Stop() {
  if (running_) {
    uint64_t one = 1;
    [[maybe_unused]] ssize_t written = write(wake_.Get(), &one, sizeof one);
    pthread_join(thread_, nullptr);
    running_ = false;
  }
  listener_.Reset();
  wake_.Reset();
  confinement_.reporting.Reset();
  reports_.Reset();
}

void* Supervisor::Run(void* self) {
  static_cast<Supervisor*>(self)->Answer();
  return nullptr;
}

void Supervisor::Answer() {
  seccomp_notif calls[kMostCalls];
  size_t first = 0;
  size_t count = 0;
  for (;;) {
    // A signal makes a call fail with EINTR until it has been taken: take all that wait before each answer.
    while (count < kMostCalls) {
      seccomp_notif& call = calls[(first + count) % kMostCalls];
      int taken = Take(&call, count == 0);
      if (taken < 0) return;
      if (taken == 0) break;
      count++;
    }
    if (count == 0) continue;
    Tracee tracee(listener_.Get(), calls[first]);
    Decision(confinement_, tracee).Answer();
    first = (first + 1) % kMostCalls;
    count--;
  }
}

int Supervisor::Take(seccomp_notif* call, bool wait) {
  pollfd ready[] = {{listener_.Get(), POLLIN, 0}, {wake_.Get(), POLLIN, 0}};
  if (poll(ready, 2, wait ? -1 : 0) < 0) return errno == EINTR ? 0 : -1;
  // Hung up: no process has the filter any more.
  if (ready[1].revents || ready[0].revents & POLLHUP) return -1;
  if (!(ready[0].revents & POLLIN)) return 0;
  memset(call, 0, sizeof *call);
  // Doesn't block, and fails where the process was killed or interrupted meanwhile.
  return ioctl(listener_.Get(), SECCOMP_IOCTL_NOTIF_RECV, call) < 0 ? 0 : 1;
}

}  // namespace run

static int UseDevices(run::Supervisor& supervisor, const Arguments& arguments, size_t index) {
  View<uint8_t> names(arguments, index);
  run::Turn* turn = run::Turn::Of(names.data, names.length);
  if (!turn) return -ENOMEM;
  supervisor.Used().Set(turn);
  return 0;
}

// programDevices(names): a turn of devices for the sockets to come, IFNAMSIZ bytes each.
static int ProgramDevices(const Arguments& arguments) {
  return UseDevices(Environment::Of(arguments.Env()).supervisor, arguments, 0);
}

// runProgram(words, names, resolvers): the words end with a zero byte each.
static int RunProgram(const Arguments& arguments) {
  run::Supervisor& supervisor = Environment::Of(arguments.Env()).supervisor;
  if (supervisor.Running()) return -EALREADY;
  View<uint8_t> text(arguments, 0);
  if (text.length == 0 || text.data[text.length - 1] != 0) return -EINVAL;
  size_t most = 0;
  for (size_t at = 0; at < text.length; at++) most += text.data[at] == 0;
  Memory<char*> words(static_cast<char**>(sys::malloc((most + 1) * sizeof(char*))));
  if (!words) return -ENOMEM;
  size_t count = 0;
  for (size_t at = 0; at < text.length; at += strlen(words.Get()[count++]) + 1) {
    words.Get()[count] = reinterpret_cast<char*>(text.data + at);
  }
  words.Get()[count] = nullptr;
  if (int error = UseDevices(supervisor, arguments, 1)) return error;
  Descriptor listener;
  int pid = run::Start(words.Get(), &listener);
  if (pid < 0) return pid;
  int error = supervisor.Start(std::move(listener), arguments.Bool(2));
  if (error == 0) return pid;
  supervisor.Stop();
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  return error;
}

// programCut(device, pid, fd): the device with its zero byte.
static int ProgramCut(const Arguments& arguments) {
  View<uint8_t> device(arguments, 0);
  if (device.length == 0 || device.data[device.length - 1] != 0) return -EINVAL;
  const run::Supervisor& supervisor = Environment::Of(arguments.Env()).supervisor;
  // Without a program there is no mark.
  if (!supervisor.Running()) return 0;
  return run::Cut(supervisor.Given(), reinterpret_cast<const char*>(device.data), arguments.Int(1), arguments.Int(2));
}

static int ProgramReports(const Arguments& arguments) {
  Environment& environment = Environment::Of(arguments.Env());
  return environment.Own(environment.supervisor.TakeReports());
}

// programHandle(pid): readable once the process has ended.
static int ProgramHandle(const Arguments& arguments) {
  return Environment::Of(arguments.Env()).Own(Result(syscall(SYS_pidfd_open, arguments.Int(0), 0)));
}

// programStatus(pid): the exit code, or 256 and the number of the signal that ended it; -EAGAIN while it runs.
static int ProgramStatus(const Arguments& arguments) {
  int status = 0;
  int ended = Result(waitpid(arguments.Int(0), &status, WNOHANG));
  if (ended <= 0) return ended == 0 ? -EAGAIN : ended;
  return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

// endBySignal(number)
static int EndBySignal(const Arguments& arguments) {
  // A core file of this process would replace that of the program.
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  signal(arguments.Int(0), SIG_DFL);
  return Result(kill(static_cast<pid_t>(syscall(SYS_getpid)), arguments.Int(0)));
}

void DefineRun(Napi::Env env, Napi::Object exports) {
  Define(env, exports,
         {
             {"runProgram", Call<RunProgram>},
             {"programDevices", Call<ProgramDevices>},
             {"programCut", Call<ProgramCut>},
             {"programReports", Call<ProgramReports>},
             {"programHandle", Call<ProgramHandle>},
             {"programStatus", Call<ProgramStatus>},
             {"endBySignal", Call<EndBySignal>},
         });
}
