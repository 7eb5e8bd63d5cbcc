// The part of Node-API that the addon calls, for machines without a JavaScript runtime.
#pragma once

#include <node_api.h>

#define CALL(name, ...) Call(name, sizeof((napi_value[]){__VA_ARGS__}) / sizeof(napi_value), (napi_value[]){__VA_ARGS__})

// The addon's exports.
extern napi_value exports;

// Calls the addon's entry with a new environment.
void Register(void* entry);
// The value of an object's property that the addon has set.
napi_value Get(napi_value object, const char* name);
// A typed array over the host's memory.
napi_value Array(napi_typedarray_type type, void* data, size_t length);
napi_value Int(int number);
napi_value Text(const char* text);
napi_value Callback(void (*run)(int count));
// One of the addon's constants.
napi_value Constant(const char* name);
int ConstantNumber(const char* name);
// Calls a function of the addon. Returns its int result, or -9999 if the result is no int.
int Call(const char* name, size_t count, const napi_value* arguments);
// Ends the program if the values differ.
void Check(const char* what, int actual, int expected);
// Waits for one queued call from the addon's thread, and runs it.
void RunQueued(void);
// Tears down the environment. Calls that are still queued run without one.
void CleanUp(void);
