using System.CommandLine;
using System.Globalization;
using Sgl.Cli.Internal;

namespace Sgl.Cli.Commands;

/// <summary><c>sgl show</c>: what the small model looks at.</summary>
internal static class ShowCommand
{
    public static Command Create(Terminal terminal)
    {
        var question = CommonOptions.Question();
        var images = CommonOptions.Images(required: true);
        var small = CommonOptions.Small();
        var ratios = new Option<double[]>("--ratios")
        {
            Description = "Shares of visual tokens to keep, each 0 to 1. Default: those of the paper's Figure 5, 0.4,0.2,0.05.",
            HelpName = "R,R,...",
            CustomParser = result => ParseRatios(result),
            DefaultValueFactory = _ => [.. TokenPictures.FigureRatios],
        };
        var top = new Option<int>("--top") { Description = "How many of the most important tokens to list.", HelpName = "N", DefaultValueFactory = _ => 10 };
        var output = new Option<string?>("--out") { Description = "PNG file to write. Default: out/show/IMAGE.png.", HelpName = "FILE" };
        var (maxTokens, system) = (CommonOptions.MaxTokens(), CommonOptions.System());
        var command = new Command("show", "Asks the small model, and draws which visual tokens it would keep at several ratios, and how important each is.")
        {
            question, images, small, ratios, top, output, maxTokens, system,
        };
        command.SetAction((result, cancellationToken) =>
        {
            var files = result.GetValue(images)!.Select(ImageFile.Read).ToList();
            var show = new ShowRun(terminal)
            {
                Small = CheckpointFolders.Small(result.GetValue(small)),
                Images = files,
                Question = result.GetValue(question)!,
                System = result.GetValue(system),
                MaxTokens = result.GetValue(maxTokens) ?? 128,
                Ratios = result.GetValue(ratios)!,
                Top = Math.Max(0, result.GetValue(top)),
                Output = result.GetValue(output) ?? Path.Combine("out", "show", Path.GetFileNameWithoutExtension(files[0].Name) + ".png"),
            };
            return show.RunAsync(cancellationToken);
        });
        return command;
    }

    private static double[] ParseRatios(System.CommandLine.Parsing.ArgumentResult result)
    {
        var ratios = new List<double>();
        foreach (var part in result.Tokens.SelectMany(t => t.Value.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)))
        {
            if (!double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var ratio) || !(ratio >= 0 && ratio <= 1))
            {
                result.AddError($"--ratios: '{part}' is not a number from 0 to 1.");
                return [];
            }

            ratios.Add(ratio);
        }

        if (ratios.Count == 0)
        {
            result.AddError("--ratios needs at least one number.");
        }

        return [.. ratios];
    }
}
