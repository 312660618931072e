using System.CommandLine;
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
            CustomParser = Parsers.Shares,
            AllowMultipleArgumentsPerToken = true,
            DefaultValueFactory = _ => [.. TokenPictures.FigureRatios],
        };
        var top = new Option<int?>("--top")
        {
            Description = "How many of the most important tokens to list. Default 10.",
            HelpName = "N",
            CustomParser = Parsers.Count,
        };
        var output = new Option<string?>("--out") { Description = "PNG file to write. Default: out/show/IMAGE.png.", HelpName = "FILE" };
        var (maxTokens, system) = (CommonOptions.MaxTokens(), CommonOptions.System());
        var command = new Command("show", "Asks the small model, and draws which visual tokens it would keep at several ratios, and how important each is.")
        {
            question, images, small, ratios, top, output, maxTokens, system,
        };
        var pictures = new PictureOptions();
        pictures.AddTo(command);
        command.SetAction((result, cancellationToken) =>
        {
            var files = result.GetValue(images)!.Select(ImageFile.Read).ToList();
            var show = new ShowRun(terminal)
            {
                Small = CheckpointFolders.Small(result.GetValue(small)),
                Images = files,
                Pictures = pictures.Of(result),
                Question = result.GetValue(question)!,
                System = result.GetValue(system),
                MaxTokens = result.GetValue(maxTokens) ?? 128,
                Ratios = result.GetValue(ratios)!,
                Top = result.GetValue(top) ?? 10,
                Output = result.GetValue(output) ?? Path.Combine("out", "show", Path.GetFileNameWithoutExtension(files[0].Name) + ".png"),
            };
            return show.RunAsync(cancellationToken);
        });
        return command;
    }
}
