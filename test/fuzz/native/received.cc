// Fuzzes the parser of a packet's control data with libFuzzer. The input is two length bytes, followed by the control data.
#include <stdlib.h>

#include "../../../native/received.h"

static void Expect(bool holds) {
  if (!holds) abort();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  size_t length = size - 2;
  // Allocate the exact size, so that AddressSanitizer detects a read past the end.
  void* control = malloc(length ? length : 1);
  memcpy(control, data + 2, length);
  mmsghdr packet{};
  packet.msg_len = data[0];
  packet.msg_hdr.msg_namelen = data[1];
  packet.msg_hdr.msg_control = control;
  packet.msg_hdr.msg_controllen = length;
  int32_t row[kReceiveFields];
  uint8_t offender[kAddressRoom];
  ReadPacket(packet, row, offender);
  Expect(row[kLength] == data[0]);
  Expect(row[kAddressLength] >= 0 && row[kAddressLength] <= static_cast<int32_t>(kAddressRoom));
  Expect(row[kOffenderLength] >= 0 && row[kOffenderLength] <= static_cast<int32_t>(kAddressRoom));
  free(control);
  return 0;
}
