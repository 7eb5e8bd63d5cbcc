// Arguments of native calls, checked enough that no JavaScript value can make the addon read or write out of bounds.
// By plain Node-API where node-addon-api would throw: in a worker that is being terminated a throw ends the process.
#pragma once

#include <errno.h>
#include <napi.h>
#include <stddef.h>
#include <stdint.h>

// The arguments of one call; a missing one reads as undefined.
class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) : env_(env) {
    size_t count = kMost;
    napi_get_cb_info(env, info, &count, values_, nullptr, nullptr);
  }

  Napi::Env Env() const { return Napi::Env(env_); }
  napi_value operator[](size_t index) const { return values_[index]; }

  int Int(size_t index) const {
    int32_t number = -1;
    napi_get_value_int32(env_, values_[index], &number);
    return number;
  }

  bool Bool(size_t index) const {
    bool yes = false;
    napi_get_value_bool(env_, values_[index], &yes);
    return yes;
  }

 private:
  static constexpr size_t kMost = 5;
  napi_env env_;
  napi_value values_[kMost] = {};
};

// A typed array's memory; empty for anything else.
template <typename T>
struct View {
  T* data = nullptr;
  size_t length = 0;
  bool valid = false;

  View(const Arguments& arguments, size_t index) : View(arguments.Env(), arguments[index]) {}
  View(napi_env env, napi_value value) {
    napi_typedarray_type type;
    void* memory = nullptr;
    size_t count = 0;
    if (napi_get_typedarray_info(env, value, &type, &count, &memory, nullptr, nullptr) != napi_ok) return;
    if (type != (sizeof(T) == 1 ? napi_uint8_array : napi_int32_array)) return;
    data = static_cast<T*>(memory);
    length = count;
    valid = true;
  }
};

// No doubles here: a file without floating point suits machines with and without its registers.
inline napi_value Number(napi_env env, int value) {
  napi_value number = nullptr;
  napi_create_int32(env, value, &number);
  return number;
}

// The result of a system call as the binding returns it: the negative errno on failure.
inline int Result(long result) { return result < 0 ? -errno : static_cast<int>(result); }

// Makes what Node-API calls of a function that returns an int.
template <int (*function)(const Arguments&)>
napi_value Call(napi_env env, napi_callback_info info) {
  return Number(env, function(Arguments(env, info)));
}

struct Function {
  const char* name;
  napi_callback call;
};

void Define(napi_env env, napi_value exports, const Function* functions, size_t count);

template <size_t count>
void Define(napi_env env, napi_value exports, const Function (&functions)[count]) {
  Define(env, exports, functions, count);
}
