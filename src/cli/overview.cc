#include "cli/overview.h"

#include <algorithm>
#include <string_view>

#include "base/strings.h"

namespace millrace::cli {
namespace {

constexpr std::string_view kHead =
    "Millrace moves product-analytics events between files, Mixpanel and warehouses,\n"
    "and proves that none was lost.\n"
    "\n"
    "Usage: millrace VERB [INPUT...] [--flag VALUE...]\n";

constexpr std::string_view kTail =
    "\n"
    "millrace VERB --help   what a verb does, its flags and examples\n"
    "millrace --version     the version of this program\n"
    "Exit status: 0 everything was accepted; 1 finished, but records were rejected;\n"
    "2 wrong usage or configuration; 3 stopped before the end, safe to run again.\n";

}  // namespace

std::string Overview(const std::vector<Command>& commands) {
  size_t width = 0;
  for (const Command& command : commands) width = std::max(width, command.name.size());
  std::string page(kHead);
  std::string_view group;
  for (const Command& command : commands) {
    if (command.group != group) StrAppend(&page, "\n", command.group, ":\n");
    group = command.group;
    StrAppend(&page, "  ", command.name, std::string(width + 2 - command.name.size(), ' '),
              command.summary, "\n");
  }
  return page.append(kTail);
}

}  // namespace millrace::cli
