// The address of the client behind proxies that are trusted to name it.
#ifndef MILLRACE_PROXY_CLIENT_ADDRESS_H_
#define MILLRACE_PROXY_CLIENT_ADDRESS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "net/http_server.h"

namespace millrace::proxy {

// IPv4 addresses that are mapped into IPv6 ("::ffff:1.2.3.4") are IPv4 addresses.
class IpAddress {
 public:
  // "1.2.3.4", "::1", "[::1]", each with or without ":port" (IPv6 then in brackets), and without a
  // zone. Nullopt for everything else.
  static std::optional<IpAddress> Parse(std::string_view text);

  bool is_v4() const;
  std::string ToString() const;
  // Without the last octet (IPv4) or the last 80 bits (IPv6), which are zero then.
  IpAddress Anonymized() const;

  friend bool operator==(const IpAddress&, const IpAddress&) = default;

 private:
  friend class AddressRange;
  std::array<uint8_t, 16> bytes_{};  // IPv4 is mapped
};

// "10.0.0.0/8", "2001:db8::/32", or one address.
class AddressRange {
 public:
  // InvalidArgument: not a range, or an address with bits beyond the prefix.
  static absl::StatusOr<AddressRange> Parse(std::string_view text);
  bool Contains(const IpAddress& address) const;

 private:
  IpAddress address_;
  int bits_ = 0;  // of 128
};

struct ClientAddressOptions {
  std::vector<AddressRange> trusted_proxies;
  bool anonymizes = false;
};

// Immutable, thus thread-safe.
class ClientAddress {
 public:
  explicit ClientAddress(ClientAddressOptions options) : options_(std::move(options)) {}

  // The peer's address, unless the peer is trusted. Then X-Forwarded-For, else Forwarded (RFC
  // 7239), else X-Real-IP names the client: of its addresses the last one that is not trusted, or
  // the first one if all are. Empty if the header has no address there ("unknown"): what is known
  // is then a proxy, not the client.
  std::string Find(const ServerRequest& request) const;

 private:
  bool IsTrusted(const IpAddress& address) const;
  std::optional<IpAddress> Resolve(const ServerRequest& request) const;

  ClientAddressOptions options_;
};

}  // namespace millrace::proxy

#endif  // MILLRACE_PROXY_CLIENT_ADDRESS_H_
