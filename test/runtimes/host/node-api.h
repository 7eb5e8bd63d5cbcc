// As much of Node-API as the addon calls, for machines on which no JavaScript runtime is to be had.
#pragma once

#include <node_api.h>

#define CALL(name, ...) Call(name, sizeof((napi_value[]){__VA_ARGS__}) / sizeof(napi_value), (napi_value[]){__VA_ARGS__})

// What the addon has put there.
extern napi_value exports;

// Calls the addon's entry for an environment of its own.
void Register(void* entry);
// What the addon put under a name of an object.
napi_value Get(napi_value object, const char* name);
// A typed array over memory of the host's.
napi_value Array(napi_typedarray_type type, void* data, size_t length);
napi_value Int(int number);
napi_value Text(const char* text);
napi_value Callback(void (*run)(int count));
// One of the addon's constants.
napi_value Constant(const char* name);
int ConstantNumber(const char* name);
// Calls a function of the addon; an int it returned, or -9999.
int Call(const char* name, size_t count, const napi_value* arguments);
// Ends the program unless they are the same.
void Check(const char* what, int actual, int expected);
// Waits for one call from the addon's thread, and makes it.
void RunQueued(void);
// Ends the environment. A call that still waits is made without one.
void CleanUp(void);
