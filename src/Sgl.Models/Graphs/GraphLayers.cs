namespace Sgl.Models.Graphs;

/// <summary>Layers that several graphs share.</summary>
internal static class GraphLayers
{
    /// <summary>RMSNorm over the last axis, statistics in float32.</summary>
    public static string RmsNorm(this GraphBuilder g, string x, string weight, long width, float eps) =>
        g.Op("SimplifiedLayerNormalization", [x, g.Weight(weight, width)], GraphBuilder.Attr("axis", -1L), GraphBuilder.Attr("epsilon", eps), GraphBuilder.Attr("stash_type", 1L));

    /// <summary>LayerNorm or RMSNorm over the last axis.</summary>
    public static string Norm(this GraphBuilder g, string x, NormNames names, long width, float eps) => names.Bias is null
        ? g.RmsNorm(x, names.Weight, width, eps)
        : g.Op("LayerNormalization", [x, g.Weight(names.Weight, width), g.Weight(names.Bias, width)], GraphBuilder.Attr("axis", -1L), GraphBuilder.Attr("epsilon", eps));

    /// <summary>The vision MLP's activation.</summary>
    public static string Activate(this GraphBuilder g, string x, ActivationKind kind) => kind switch
    {
        ActivationKind.Gelu => g.Op("Gelu", [x], GraphBuilder.Attr("approximate", "none")),
        ActivationKind.GeluTanh => g.Op("Gelu", [x], GraphBuilder.Attr("approximate", "tanh")),
        ActivationKind.QuickGelu => g.Contributed("QuickGelu", [x], GraphBuilder.Attr("alpha", 1.702f)),
        ActivationKind.Silu => g.Silu(x),
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    /// <summary>silu(x) = x * sigmoid(x).</summary>
    public static string Silu(this GraphBuilder g, string x) => g.Contributed("QuickGelu", [x], GraphBuilder.Attr("alpha", 1f));

    /// <summary>Reshape to a constant shape; 0 copies a dimension, -1 infers one.</summary>
    public static string Reshape(this GraphBuilder g, string x, params long[] shape) => g.Op("Reshape", [x, g.Ints(shape)]);

    /// <summary>Transpose.</summary>
    public static string Transpose(this GraphBuilder g, string x, params long[] perm) => g.Op("Transpose", [x], GraphBuilder.Attr("perm", perm));

    /// <summary>Slice of one axis with constant bounds.</summary>
    public static string Slice(this GraphBuilder g, string x, long axis, long start, long end) =>
        g.Op("Slice", [x, g.Ints(start), g.Ints(end), g.Ints(axis)]);

    /// <summary>Splits the last axis of a 2-D value in consecutive parts.</summary>
    public static string[] Split(this GraphBuilder g, string x, params long[] sizes)
    {
        var outputs = sizes.Select(_ => g.NewValue()).ToArray();
        g.Add("Split", "", [x, g.Ints(sizes)], outputs, GraphBuilder.Attr("axis", -1L));
        return outputs;
    }

    /// <summary>float32 in, compute type out.</summary>
    public static string ToCompute(this GraphBuilder g, string x) => g.ComputeElement == GraphBuilder.ElementType.Float
        ? g.Stored(x)
        : g.Op("Cast", [x], GraphBuilder.Attr("to", (long)g.ComputeElement));

    /// <summary>Compute type in, float32 out.</summary>
    public static string ToFloat(this GraphBuilder g, string x) => g.ComputeElement == GraphBuilder.ElementType.Float
        ? x
        : g.Op("Cast", [x], GraphBuilder.Attr("to", (long)GraphBuilder.ElementType.Float));
}
