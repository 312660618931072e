using System.CommandLine;
using Sgl.Cli.Internal;

namespace Sgl.Cli.Commands;

/// <summary><c>sgl ask</c>: one question, to models in this process or to a running router.</summary>
internal static class AskCommand
{
    public static Command Create(Terminal terminal)
    {
        var question = CommonOptions.Question();
        var images = CommonOptions.Images(required: false);
        var router = new Option<string?>("--router") { Description = "Ask a running router, host:port, instead of loading the models here.", HelpName = "ADDRESS" };
        var (small, large) = (CommonOptions.Small(), CommonOptions.Large());
        var (threshold, criterion, keepRatio) = (CommonOptions.Threshold(), CommonOptions.Criterion(), CommonOptions.KeepRatio());
        var pruneLayer = new Option<int?>("--prune-layer") { Description = "Layer in front of which the large model drops tokens. Default: a fifth of its layers.", HelpName = "K", CustomParser = Parsers.Count };
        var unpruned = new Option<bool>("--unpruned") { Description = "The large model keeps all visual tokens." };
        var (tiles, tileThreshold) = (CommonOptions.Tiles(), CommonOptions.TileThreshold());
        var (maxTokens, system) = (CommonOptions.MaxTokens(), CommonOptions.System());
        var schema = new Option<string?>("--json-schema") { Description = "The answer is JSON that satisfies the JSON Schema in this file.", HelpName = "FILE" };
        var json = new Option<bool>("--json") { Description = "Write one JSON object instead of text." };
        var command = new Command("ask", "Asks a question about images and streams the answer, with the exit decision.")
        {
            question, images, router, small, large, threshold, criterion, keepRatio, pruneLayer, unpruned, tiles, tileThreshold, maxTokens, system, schema, json,
        };
        command.Validators.Add(result =>
        {
            if (result.GetResult(router) is not null && (result.GetResult(small) is not null || result.GetResult(large) is not null))
            {
                result.AddError("--router excludes --small and --large: a running router has its own models.");
            }

            if (result.GetValue(unpruned) && (result.GetResult(keepRatio) is not null || result.GetResult(pruneLayer) is not null))
            {
                result.AddError("--unpruned excludes --keep-ratio and --prune-layer.");
            }
        });
        var pictures = new PictureOptions();
        pictures.AddTo(command, router);
        command.SetAction(async (result, cancellationToken) =>
        {
            var policy = PolicyChoice.ToWire(
                result.GetValue(threshold), result.GetValue(criterion), result.GetValue(keepRatio), result.GetValue(pruneLayer), result.GetValue(unpruned),
                result.GetValue(tiles), result.GetValue(tileThreshold));
            var files = (result.GetValue(images) ?? []).Select(ImageFile.Read).ToList();
            var request = AnswerRequests.Create(files, result.GetValue(question)!, result.GetValue(system));
            request.Policy = policy;
            request.ResponseFormat = result.GetValue(schema) is { } file ? AnswerRequests.JsonOf(file) : null;
            if (result.GetValue(maxTokens) is { } most)
            {
                request.Sampling = new Wire.Sampling { MaxNewTokens = most };
            }

            if (result.GetValue(router) is { } address)
            {
                return await AskAsync(terminal, RouterClient.ParseAddress(address), request, result.GetValue(json), cancellationToken);
            }

            // Before two models are loaded for nothing.
            files.ForEach(f => f.Decode());
            var options = new LocalServicesOptions
            {
                Small = CheckpointFolders.Small(result.GetValue(small)),
                Large = CheckpointFolders.Large(result.GetValue(large)),
                PruneLayers = result.GetValue(pruneLayer) is { } layer ? [layer] : [],
                Pictures = pictures.Of(result),
            };
            await using var services = await LocalServices.StartAsync(options, terminal, cancellationToken);
            var exitCode = await AskAsync(terminal, services.Router, request, result.GetValue(json), cancellationToken);
            await services.StopAsync();
            return exitCode;
        });
        return command;
    }

    private static async Task<int> AskAsync(Terminal terminal, Uri router, Wire.AnswerRequest request, bool json, CancellationToken cancellationToken)
    {
        using var client = new RouterClient(router);
        if (json)
        {
            var answer = await client.AskAsync(request, _ => { }, cancellationToken);
            Console.Out.WriteLine(AnswerJson.Write(answer));
            return ExitCodes.Success;
        }

        var view = new AnswerView(terminal.Out);
        try
        {
            var answer = await client.AskAsync(request, view.Watch, cancellationToken);
            foreach (var image in answer.Layout.Images.Where(i => i.PageCount > 1))
            {
                terminal.Hint($"{request.Images[image.ImageIndex].Name} has {image.PageCount} pages; only the first was looked at");
            }

            view.Field("answer", answer.Completed.Answer, new Spectre.Console.Style(decoration: Spectre.Console.Decoration.Bold));
            return ExitCodes.Success;
        }
        finally
        {
            view.EndLine();
        }
    }
}
