// Arguments of native calls, checked enough that no JavaScript value can make the addon read or write out of bounds.
// By plain Node-API where node-addon-api would throw: in a worker that is being terminated a throw ends the process.
#pragma once

#include <errno.h>
#include <napi.h>
#include <stddef.h>
#include <stdint.h>

// A typed array's memory; empty for anything else.
template <typename T>
struct View {
  T* data = nullptr;
  size_t length = 0;

  explicit View(Napi::Value value) {
    napi_typedarray_type type;
    void* memory = nullptr;
    size_t count = 0;
    if (napi_get_typedarray_info(value.Env(), value, &type, &count, &memory, nullptr, nullptr) != napi_ok) return;
    if (!Fits(type)) return;
    data = static_cast<T*>(memory);
    length = count;
  }

 private:
  static bool Fits(napi_typedarray_type type) {
    if constexpr (sizeof(T) == 1) return type == napi_uint8_array;
    if constexpr (sizeof(T) == 4) return type == napi_int32_array;
    return type == napi_float64_array;
  }
};

inline int Int(Napi::Value value) {
  int32_t number = -1;
  napi_get_value_int32(value.Env(), value, &number);
  return number;
}

inline bool Bool(Napi::Value value) {
  bool yes = false;
  napi_get_value_bool(value.Env(), value, &yes);
  return yes;
}

inline Napi::Value Number(Napi::Env env, int value) {
  napi_value number = nullptr;
  napi_create_int32(env, value, &number);
  return Napi::Value(env, number);
}

// What a system call said, as the binding wants it: the result, or the errno made negative.
inline int Result(long result) { return result < 0 ? -errno : static_cast<int>(result); }
