#include "pipeline/batch_identity.h"

#include <string_view>
#include <vector>

namespace millrace {
namespace {

template <typename T>
std::string_view AsBytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

}  // namespace

BatchIdentity BatchIdentity::Of(const Batch& batch) {
  return {HashBytes(batch.bytes.view()), HashBytes(AsBytes(batch.row_ends)),
          HashBytes(AsBytes(batch.source_rows))};
}

}  // namespace millrace
