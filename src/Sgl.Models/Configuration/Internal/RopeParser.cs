namespace Sgl.Models.Internal;

/// <summary>Reads <c>rope_theta</c> and <c>rope_scaling</c> (newer files: <c>rope_parameters</c>).</summary>
internal static class RopeParser
{
    private enum Kind
    {
        Default,
        Linear,
        Dynamic,
        Long,
        Yarn,
        Multimodal,
        Llama3,
    }

    public static RopeConfig Parse(ConfigReader text, TextClass kind, int headDim, int maxPositions)
    {
        var multimodal = kind.Multimodal;
        var scaling = text.OptionalObject("rope_parameters") ?? text.OptionalObject("rope_scaling");
        var thetaOwner = scaling is not null && scaling.Has("rope_theta") ? scaling : text;
        var theta = thetaOwner.PositiveNumber("rope_theta", kind.Theta);
        if (scaling is null)
        {
            if (multimodal)
            {
                text.Problem("rope_scaling", "an object with mrope_section");
            }

            return new RopeConfig.Default(theta);
        }

        if (scaling.PositiveNumber("partial_rotary_factor", 1) is not 1.0)
        {
            scaling.Problem("partial_rotary_factor", "1");
        }

        var key = scaling.Has("rope_type") && !scaling.Has("type") ? "rope_type" : "type";
        (string, Kind)[] known = (kind.Architecture, multimodal) switch
        {
            // Newer files say "default" beside mrope_section.
            (_, true) => [("mrope", Kind.Multimodal), ("default", Kind.Multimodal)],
            (DecoderArchitecture.InternLm2, _) => [("dynamic", Kind.Dynamic), ("linear", Kind.Linear), ("default", Kind.Default)],
            (DecoderArchitecture.Phi3, _) => [("su", Kind.Long), ("longrope", Kind.Long), ("yarn", Kind.Yarn), ("default", Kind.Default)],
            _ => [("default", Kind.Default), ("linear", Kind.Linear), ("dynamic", Kind.Dynamic), ("llama3", Kind.Llama3)],
        };
        return scaling.OneOf(key, known, multimodal ? "default" : null) switch
        {
            Kind.Linear => new RopeConfig.Linear(theta, Factor(scaling)),
            Kind.Dynamic => new RopeConfig.DynamicNtk(theta, Factor(scaling), maxPositions),
            Kind.Long => Long(text, scaling, theta, headDim, maxPositions, yarn: false),
            Kind.Yarn => Long(text, scaling, theta, headDim, maxPositions, yarn: true),
            Kind.Multimodal => new RopeConfig.Multimodal(
                theta, Sections(scaling, kind.Sections, headDim), scaling.Bool("mrope_interleaved", kind.Interleaved)),
            Kind.Llama3 => Llama3(scaling, theta),
            _ => new RopeConfig.Default(theta),
        };
    }

    private static double Factor(ConfigReader scaling)
    {
        var factor = scaling.PositiveNumber("factor");
        if (factor < 1)
        {
            scaling.Problem("factor", "a number of at least 1");
        }

        return factor;
    }

    private static RopeConfig.Long Long(ConfigReader text, ConfigReader scaling, double theta, int headDim, int maxPositions, bool yarn)
    {
        var owner = text.Has("original_max_position_embeddings") ? text : scaling;
        var original = owner.PositiveInt("original_max_position_embeddings");
        if (original > maxPositions)
        {
            owner.Problem("original_max_position_embeddings", $"at most max_position_embeddings ({maxPositions})");
        }

        // The factor on cos and sin, as the model's class derives it where the file gives none.
        var scale = (double)maxPositions / original;
        var m = scale <= 1 || original < 2 ? 1 : yarn ? (0.1 * Math.Log(scale)) + 1 : Math.Sqrt(1 + (Math.Log(scale) / Math.Log(original)));
        return new RopeConfig.Long(
            theta,
            scaling.Numbers("short_factor", headDim / 2),
            scaling.Numbers("long_factor", headDim / 2),
            original,
            scaling.PositiveNumber("attention_factor", m));
    }

    private static int[] Sections(ConfigReader scaling, IReadOnlyList<int>? classSections, int headDim)
    {
        var sections = classSections is null || scaling.Has("mrope_section") ? scaling.Integers("mrope_section") : classSections;
        if (sections.Count > 0 && (sections.Count != 3 || sections.Any(s => s < 1 || s > headDim) || sections.Sum() != headDim / 2))
        {
            scaling.Problem("mrope_section", $"3 positive numbers with sum head_dim / 2 = {headDim / 2}", $"[{string.Join(", ", sections)}]");
        }

        return [.. sections];
    }

    private static RopeConfig.Llama3 Llama3(ConfigReader scaling, double theta)
    {
        var rope = new RopeConfig.Llama3(
            theta,
            Factor(scaling),
            scaling.PositiveNumber("low_freq_factor"),
            scaling.PositiveNumber("high_freq_factor"),
            scaling.PositiveInt("original_max_position_embeddings"));
        if (rope.HighFrequencyFactor <= rope.LowFrequencyFactor)
        {
            scaling.Problem("high_freq_factor", $"a number above low_freq_factor ({rope.LowFrequencyFactor})");
        }

        return rope;
    }
}
