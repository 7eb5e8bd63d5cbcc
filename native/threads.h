#pragma once

#include <pthread.h>

// Starts a thread that takes no signals: they are the program's. 0 or a negative errno.
int CreateThread(pthread_t* thread, void* (*run)(void*), void* argument);
