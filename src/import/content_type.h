// What a reader found by its object's content.
#ifndef MILLRACE_IMPORT_CONTENT_TYPE_H_
#define MILLRACE_IMPORT_CONTENT_TYPE_H_

#include "absl/status/statusor.h"
#include "formats/row_reader.h"
#include "io/decompress.h"
#include "io/object_store.h"

namespace millrace {

struct ContentType {
  FileType type = FileType::kAuto;  // kParquet, kNdjson or kCsv (whatever the delimiter)
  Compression compression = Compression::kNone;  // of text
};

// `rows` is the open reader of `object`.
absl::StatusOr<ContentType> ContentTypeOf(ObjectReader& object, const RowReader& rows);

}  // namespace millrace

#endif  // MILLRACE_IMPORT_CONTENT_TYPE_H_
