/**
 * A model directory in, one immutable value out: {@code config.json}, safetensors, the names under which training code
 * stores its tensors, and the weights that are broadcast. Start at {@link dev.braid.checkpoint.Checkpoint#read}; its
 * reading goes through {@link dev.braid.checkpoint.ConfigReader}, {@link dev.braid.checkpoint.SafetensorsFile} and
 * {@link dev.braid.checkpoint.ModelTensors} in this order, and {@link dev.braid.checkpoint.TensorNames} is where another
 * spelling of tensor names goes.
 *
 * <p>May import {@code tensor}; Jackson, commons-text, Hadoop's file system and Kryo's serializer annotation, all of
 * which Spark provides.
 */
package dev.braid.checkpoint;
