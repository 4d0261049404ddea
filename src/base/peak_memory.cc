#include "base/peak_memory.h"

#include <fstream>
#include <string>

namespace millrace {

uint64_t PeakMemory() {
  std::ifstream status("/proc/self/status");
  uint64_t kilobytes = 0;
  for (std::string name; status >> name; std::getline(status, name)) {
    if (name == "VmHWM:" && status >> kilobytes) break;
  }
  return kilobytes * 1024;
}

}  // namespace millrace
