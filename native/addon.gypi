# What binding.gyp holds. It is not in the package under that name: yarn and pnpm would compile it at each install.
{
  "variables": {
    # "address", "undefined" or "thread": a build for tests, with the C++ runtime that the sanitizers need.
    "sanitize%": "",
    # 1: a build for tests in which any system call can be made to fail (native/faults.cc).
    "faults%": "0",
    # 1: needs no C++ runtime when it is loaded, for glibc and musl alike (native/runtime.cc). The prebuilt files.
    "standalone%": "0",
  },
  "targets": [
    {
      "target_name": "netvia",
      "sources": ["netvia.cc"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NODE_ADDON_API_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "cflags": ["-Wall", "-Wextra", "-Werror"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20", "-fexceptions", "-frtti"],
      # -fno-strict-aliasing comes with newer Node headers only: always given, the headers' version leaves no mark.
      "cflags_cc": ["-std=c++20", "-fno-exceptions", "-fno-rtti", "-fno-strict-aliasing"],
      "conditions": [
        ["standalone==1", {"sources": ["runtime.cc"], "ldflags": ["-nostdlib"], "libraries!": ["-lstdc++"]}],
        ["faults==1", {"defines": ["NETVIA_FAULTS"]}],
        [
          "sanitize==''",
          {
            "cflags!": ["-O3", "-fno-omit-frame-pointer", "-mminimal-toc"],
            "cflags": [
              "-Os",
              "-fno-stack-protector",
              "-fno-asynchronous-unwind-tables",
              "-fno-unwind-tables",
              "-fvisibility=hidden",
              "-ffunction-sections",
              "-fdata-sections",
              "-fno-ident",
            ],
            "cflags_cc": ["-fno-threadsafe-statics"],
            "ldflags": [
              "-s",
              "-Wl,--gc-sections,--build-id=none",
              "-Wl,--version-script=<(module_root_dir)/native/exports.map",
            ],
          },
          {
            "cflags": ["-fsanitize=<(sanitize)", "-fno-omit-frame-pointer", "-g", "-O1"],
            "ldflags": ["-fsanitize=<(sanitize)"],
          },
        ],
      ],
    },
  ],
}
