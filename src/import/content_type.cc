#include "import/content_type.h"

#include <array>
#include <string_view>

#include "base/status.h"

namespace millrace {

absl::StatusOr<ContentType> ContentTypeOf(ObjectReader& object, const RowReader& rows) {
  std::array<char, 4> bytes;
  ASSIGN_OR_RETURN(const size_t size, object.ReadAt(0, absl::MakeSpan(bytes)));
  const std::string_view magic(bytes.data(), size);
  if (magic == "PAR1") return ContentType{.type = FileType::kParquet};
  // Of text, only delimited one names its columns up front.
  return ContentType{.type = rows.columns().empty() ? FileType::kNdjson : FileType::kCsv,
                     .compression = DetectCompression(magic)};
}

}  // namespace millrace
