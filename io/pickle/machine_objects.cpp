// The opcodes that would import names and call them in Python. Here they only write down what was asked for.
#include "io/pickle/machine.h"
#include "io/pickle/opcodes.h"

namespace fledge::pickle {

bool Machine::run_object(unsigned char op) {
  switch (op) {
    case kGlobal:
    case kInst: {
      const std::string_view module = in_.line(kMaxLine), attribute = in_.line(kMaxLine);
      const Ref global = graph_.add_global(module, attribute, in_.opcode_at());
      if (op == kGlobal) return push(global);
      const std::vector<Ref> arguments = pop_mark();
      return call(global, graph_.add_tuple(arguments.data(), arguments.size()));
    }
    case kStackGlobal: {
      const Ref attribute = pop(), module = pop();
      return push(name(module, attribute));
    }
    case kReduce:
    case kNewObj: {
      const Ref arguments = pop(), callee = pop();
      return call(callee, arguments);
    }
    case kNewObjEx: {
      const Ref keywords = pop(), arguments = pop(), callee = pop();
      if (graph_.kind(keywords) != Kind::Dict) refuse("NEWOBJ_EX with keywords that are no dictionary");
      return call(callee, arguments);
    }
    case kObj: {
      const std::vector<Ref> items = pop_mark();
      if (items.empty()) refuse("OBJ without a class");
      return call(items[0], graph_.add_tuple(items.data() + 1, items.size() - 1));
    }
    case kBuild: {
      const Ref state = pop(), object = top();
      if (graph_.kind(object) != Kind::Object) refuse("BUILD on something that is no object");
      if (graph_.state(object) != kNoRef) refuse("a second BUILD on one object");
      graph_.set_state(object, state);
      return true;
    }
    case kBinPersId: {
      const Ref id = pop();
      return push(graph_.add_persistent_id(id, in_.opcode_at()));
    }
    default:
      return false;
  }
}

bool Machine::call(Ref callee, Ref arguments) {
  const Kind kind = graph_.kind(callee);
  if (kind != Kind::Global && kind != Kind::Object && kind != Kind::PersistentId)
    refuse("a call of something that is no name");
  if (graph_.kind(arguments) != Kind::Tuple) refuse("a call whose arguments are no tuple");
  return push(graph_.add_object(callee, arguments, in_.opcode_at()));
}

Ref Machine::name(Ref module, Ref attribute) {
  if (graph_.kind(module) != Kind::Text || graph_.kind(attribute) != Kind::Text)
    refuse("STACK_GLOBAL of something that is no text");
  const std::string_view m = graph_.text(module), a = graph_.text(attribute);
  if (m.size() > kMaxLine || a.size() > kMaxLine) refuse("a name of more than 4,096 bytes");
  return graph_.add_global(m, a, in_.opcode_at());
}

}  // namespace fledge::pickle
