using System.CommandLine;
using Sgl.Guidance;
using Sgl.Policies;

namespace Sgl.Cli.Internal;

/// <summary>Options that several commands share. Each call makes a new one: an option belongs to one command.</summary>
internal static class CommonOptions
{
    /// <summary><c>--small DIR</c>.</summary>
    public static Option<string?> Small() => new("--small") { Description = "Checkpoint folder of the small model. Default: the demo model.", HelpName = "DIR" };

    /// <summary><c>--large DIR</c>.</summary>
    public static Option<string?> Large() => new("--large") { Description = "Checkpoint folder of the large model. Default: the demo model.", HelpName = "DIR" };

    /// <summary><c>--weights KIND</c>.</summary>
    public static Option<string?> Weights()
    {
        var option = new Option<string?>("--weights") { Description = "Arithmetic of both models on the CPU: auto, float32, int8 or int4. Default: auto.", HelpName = "KIND" };
        option.AcceptOnlyFromAmong("auto", "float32", "int8", "int4");
        return option;
    }

    /// <summary><c>--image FILE...</c>.</summary>
    public static Option<string[]> Images(bool required) => new("--image", "-i")
    {
        Description = "An image file: PNG, JPEG, WebP, GIF, BMP or TIFF. Give the option again for more images.",
        HelpName = "FILE",
        Required = required,
        Arity = ArgumentArity.OneOrMore,
    };

    /// <summary><c>--threshold T</c>.</summary>
    public static Option<double?> Threshold() => new("--threshold")
    {
        Description = "The small answer is final where the score is at least this: 0 always, above 1 never.",
        HelpName = "T",
        CustomParser = Parsers.Number,
    };

    /// <summary><c>--criterion NAME</c>.</summary>
    public static Option<ExitCriterion?> Criterion() => new("--criterion")
    {
        Description = $"The score that is compared with the threshold: {string.Join(", ", Enum.GetNames<ExitCriterion>())}.",
        HelpName = "NAME",
        CustomParser = Parsers.Name<ExitCriterion>,
    };

    /// <summary><c>--keep-ratio R</c>.</summary>
    public static Option<double?> KeepRatio() => new("--keep-ratio")
    {
        Description = "Share of visual tokens that the large model keeps from the prune layer on, 0 to 1. Default 0.2.",
        HelpName = "R",
        CustomParser = Parsers.Share,
    };

    /// <summary><c>--tiles MODE</c>.</summary>
    public static Option<TilePolicy?> Tiles() => new("--tiles")
    {
        Description = "Which tiles the large model encodes: all, or guided (not those that the small model's importance rules out). Default: all.",
        HelpName = "MODE",
        CustomParser = Parsers.Name<TilePolicy>,
    };

    /// <summary><c>--tile-threshold A</c>.</summary>
    public static Option<double?> TileThreshold() => new("--tile-threshold")
    {
        Description = "With guided tiles: a tile stays where its peak of importance is at least this share of the best tile's, 0 to 1. Default 0.5.",
        HelpName = "A",
        CustomParser = Parsers.Share,
    };

    /// <summary><c>--max-tokens N</c>.</summary>
    public static Option<int?> MaxTokens() => new("--max-tokens")
    {
        Description = "Most tokens of an answer. Default 128.",
        HelpName = "N",
        CustomParser = Parsers.Count,
    };

    /// <summary><c>--system TEXT</c>.</summary>
    public static Option<string?> System() => new("--system") { Description = "System message in place of the checkpoint's own.", HelpName = "TEXT" };

    /// <summary>The question.</summary>
    public static Argument<string> Question()
    {
        var question = new Argument<string>("question") { Description = "The question." };
        question.Validators.Add(result =>
        {
            if (result.Tokens is [{ Value: var text }] && string.IsNullOrWhiteSpace(text))
            {
                result.AddError("The question is empty.");
            }
        });
        return question;
    }
}
