"""Evidence packs: a case with what it rests on, in a form that anybody can check offline."""
