#include "io/zstd_encoder.h"

#include <zstd.h>

#include <new>

#include "base/strings.h"

namespace millrace {

struct ZstdEncoder::Context {
  Context() : handle(ZSTD_createCCtx()) {
    if (handle == nullptr) throw std::bad_alloc();
  }
  ~Context() { ZSTD_freeCCtx(handle); }
  ZSTD_CCtx* const handle;
};

ZstdEncoder::ZstdEncoder(int level) : level_(level), context_(std::make_unique<Context>()) {}
ZstdEncoder::~ZstdEncoder() = default;

absl::Status ZstdEncoder::Append(std::string_view bytes, ByteBuffer& out) {
  const size_t room = ZSTD_compressBound(bytes.size());
  const size_t size = ZSTD_compressCCtx(context_->handle, out.Reserve(room), room, bytes.data(),
                                        bytes.size(), level_);
  if (ZSTD_isError(size) != 0) {
    return absl::InternalError(StrCat("compressing with zstd: ", ZSTD_getErrorName(size)));
  }
  out.Commit(size);
  return absl::OkStatus();
}

}  // namespace millrace
