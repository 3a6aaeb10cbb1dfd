package dev.braid.checkpoint;

import java.util.Locale;

/** How a token's box joins its features; its {@code configName} is the value of {@code box_fusion}. */
public enum BoxFusion {
    /** Features and box are projected each, and summed: UNITER (arXiv 1909.11740, section 3.1), ViLBERT. */
    SUM,
    /** Features and box are projected each, and averaged: LXMERT (arXiv 1908.07490, equation 3). */
    MEAN,
    /** One projection of the features, followed by the box: OSCAR (arXiv 2004.06165, section 3). */
    CONCATENATE;

    public String configName() {
        return name().toLowerCase(Locale.ROOT);
    }
}
