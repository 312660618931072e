using System.CommandLine;
using Sgl.Cli.Internal;

namespace Sgl.Cli.Commands;

/// <summary><c>sgl demo</c>: three services in one process, real questions about real image files.</summary>
internal static class DemoCommand
{
    public static Command Create(Terminal terminal)
    {
        var small = CommonOptions.Small();
        var large = CommonOptions.Large();
        var threshold = CommonOptions.Threshold();
        var questions = new Option<string?>("--questions")
        {
            Description = "Questions to ask, one JSON object per line: image, question, answer, kind. Default: samples/documents/questions.jsonl.",
            HelpName = "FILE",
        };
        var output = new Option<string>("--out") { Description = "Folder for the pictures of kept tokens.", HelpName = "DIR", DefaultValueFactory = _ => "out/demo" };
        var command = new Command("demo", "Starts router, small and large service on loopback ports, asks questions about sample images, and draws what was kept.")
        {
            small, large, threshold, questions, output,
        };
        var pictures = new PictureOptions();
        pictures.AddTo(command);
        command.SetAction((result, cancellationToken) =>
        {
            var list = result.GetValue(questions) ?? RepositoryFiles.Find("samples/documents/questions.jsonl", File.Exists)
                ?? throw new CliException("samples/documents/questions.jsonl was not found from here or from the program upwards: it lies in the repository, in the tool package, and in what 'dotnet publish src/Sgl.Cli' makes; give a list with --questions");
            var demo = new DemoRun(terminal)
            {
                Small = CheckpointFolders.SmallOfDocuments(result.GetValue(small)),
                Large = CheckpointFolders.LargeOfDocuments(result.GetValue(large)),
                Questions = SampleQuestion.ReadAll(list),
                ImageFolder = Path.GetDirectoryName(Path.GetFullPath(list))!,
                Threshold = result.GetValue(threshold),
                Pictures = pictures.Of(result),
                Output = result.GetValue(output)!,
            };
            return demo.RunAsync(cancellationToken);
        });
        return command;
    }
}
