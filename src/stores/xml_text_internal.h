// XML of responses, parsed by pugixml, which resolves only the five predefined entities and loads
// nothing.
#ifndef MILLRACE_STORES_XML_TEXT_INTERNAL_H_
#define MILLRACE_STORES_XML_TEXT_INTERNAL_H_

#include <pugixml.hpp>
#include <string_view>

namespace millrace {

// False if `xml` is incomplete. Blanks and line ends in texts are kept, because keys may have them.
inline bool ParseXml(std::string_view xml, pugi::xml_document& document) {
  constexpr unsigned kFlags =
      pugi::parse_escapes | pugi::parse_cdata | pugi::parse_ws_pcdata_single;
  return static_cast<bool>(
      document.load_buffer(xml.data(), xml.size(), kFlags, pugi::encoding_utf8));
}

}  // namespace millrace

#endif  // MILLRACE_STORES_XML_TEXT_INTERNAL_H_
