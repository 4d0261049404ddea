#include <cstring>

#include "formats/row_cutter.h"

namespace millrace {
namespace {

bool IsBlank(const char* begin, const char* end) {
  while (begin != end && (*begin == ' ' || *begin == '\t' || *begin == '\r')) ++begin;
  return begin == end;
}

class LineCutter : public RowCutter {
 public:
  absl::Status Cut(std::string_view text, bool final, size_t most_rows, size_t* at,
                   std::vector<RowSpan>* rows) override {
    const char* const base = text.data();
    const char* const end = base + text.size();
    const char* row = base + *at;
    while (rows->size() < most_rows && row < end) {
      const char* const scan = row + scanned_;
      const void* found = std::memchr(scan, '\n', static_cast<size_t>(end - scan));
      if (found == nullptr && !final) {
        scanned_ = static_cast<size_t>(end - row);
        break;
      }
      const char* const line_end = found != nullptr ? static_cast<const char*>(found) : end;
      AddRow(base, row, line_end, rows);
      row = line_end == end ? end : line_end + 1;
      scanned_ = 0;
    }
    *at = static_cast<size_t>(row - base);
    return absl::OkStatus();
  }

 private:
  static void AddRow(const char* base, const char* begin, const char* end,
                     std::vector<RowSpan>* rows) {
    if (IsBlank(begin, end)) return;
    if (end[-1] == '\r') --end;
    rows->push_back({static_cast<uint32_t>(begin - base), static_cast<uint32_t>(end - base)});
  }
};

}  // namespace

std::unique_ptr<RowCutter> NewLineCutter() { return std::make_unique<LineCutter>(); }

}  // namespace millrace
