/**
 * A model directory in, one immutable value out: {@code config.json}, safetensors, the names under which training code
 * stores its tensors, and the weights that are broadcast. Start at {@link dev.braid.checkpoint.Inspection#read}; its
 * reading goes through {@link dev.braid.checkpoint.ConfigReader}, {@link dev.braid.checkpoint.WeightFiles},
 * {@link dev.braid.checkpoint.StoredEncoder} and {@link dev.braid.checkpoint.ModelTensors} in this order. What training
 * tools add to tensor names is removed by {@link dev.braid.checkpoint.StoredNames}; everything else sees clean names. Another
 * spelling of them goes into {@link dev.braid.checkpoint.Dialect}; another published model is a file of its own, such as {@link
 * dev.braid.checkpoint.Vilt}, and an entry in {@link dev.braid.checkpoint.PublishedModel#ALL}.
 *
 * <p>May import {@code tensor}; Jackson, commons-text, Hadoop's file system and Kryo's serializer annotation, all of
 * which Spark provides.
 */
package dev.braid.checkpoint;
