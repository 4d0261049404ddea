# gRPC and protobuf of Debian, and
# millrace_protos(<target> <folder> <name>.proto...)
# Makes the library <target> of protos of src/<folder>; the headers are included as
# "<folder>/<name>.pb.h" and "<folder>/<name>.grpc.pb.h".
find_program(PROTOC protoc REQUIRED)
find_program(GRPC_CPP_PLUGIN grpc_cpp_plugin REQUIRED)
find_library(PROTOBUF_LIBRARY protobuf REQUIRED)
find_library(GRPCPP_LIBRARY grpc++ REQUIRED)
find_library(GRPC_LIBRARY grpc REQUIRED)
find_library(GPR_LIBRARY gpr REQUIRED)
add_library(millrace_grpc INTERFACE)
target_link_libraries(millrace_grpc INTERFACE ${GRPCPP_LIBRARY} ${GRPC_LIBRARY} ${GPR_LIBRARY} ${PROTOBUF_LIBRARY})

function(millrace_protos target folder)
  set(sources "")
  set(out "${CMAKE_BINARY_DIR}/protos")
  file(MAKE_DIRECTORY "${out}")
  foreach(proto IN LISTS ARGN)
    get_filename_component(name "${proto}" NAME_WE)
    set(base "${out}/${folder}/${name}")
    set(generated "${base}.pb.cc" "${base}.grpc.pb.cc")
    add_custom_command(
      OUTPUT ${generated} "${base}.pb.h" "${base}.grpc.pb.h"
      COMMAND "${PROTOC}" "-I${CMAKE_SOURCE_DIR}/src" "--cpp_out=${out}" "--grpc_out=${out}"
              "--plugin=protoc-gen-grpc=${GRPC_CPP_PLUGIN}" "${folder}/${proto}"
      WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}/src"
      DEPENDS "${CMAKE_SOURCE_DIR}/src/${folder}/${proto}"
      VERBATIM)
    list(APPEND sources ${generated})
  endforeach()
  # A target of its own, so that warnings are off for this code only.
  add_library(${target} STATIC ${sources})
  target_compile_options(${target} PRIVATE -w)
  target_include_directories(${target} SYSTEM PUBLIC "${out}")
  target_link_libraries(${target} PUBLIC millrace_grpc)
endfunction()
