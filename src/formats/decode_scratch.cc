#include "formats/decode_scratch.h"

namespace millrace {

DecodeScratch::DecodeScratch() : parts_(std::make_unique<Parts>()) {}
DecodeScratch::~DecodeScratch() = default;

}  // namespace millrace
