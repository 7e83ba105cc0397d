const nothing = undefined;
nothing.property.of;
