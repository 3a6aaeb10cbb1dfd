/** Named shapes and the one wording of a shape error. Imports no other room. */
package dev.braid.tensor;
