using System.CommandLine;
using Sgl.Vision;

namespace Sgl.Cli.Internal;

/// <summary>How pictures are seen by the models that a command runs itself: <c>--stored-orientation</c> and <c>--drop-alpha</c>.</summary>
internal sealed class PictureOptions
{
    private readonly Option<bool> _stored = new("--stored-orientation") { Description = "Leave pictures as they are stored, whatever their EXIF orientation says." };
    private readonly Option<bool> _drop = new("--drop-alpha") { Description = "Leave alpha out, in place of laying transparent pictures on white." };

    /// <summary>Adds the options to a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="router">Its option that names running services, which have settings of their own.</param>
    public void AddTo(Command command, Option? router = null)
    {
        command.Add(_stored);
        command.Add(_drop);
        if (router is not null)
        {
            command.Validators.Add(result =>
            {
                if (result.GetResult(router) is not null && (result.GetValue(_stored) || result.GetValue(_drop)))
                {
                    result.AddError($"{router.Name} excludes {_stored.Name} and {_drop.Name}: running services have their own settings (Requests:ApplyExifOrientation, Requests:Alpha).");
                }
            });
        }
    }

    /// <summary>What was chosen.</summary>
    public ImageDecoderOptions Of(ParseResult result) => new()
    {
        ApplyExifOrientation = !result.GetValue(_stored),
        Alpha = result.GetValue(_drop) ? AlphaHandling.Drop : AlphaHandling.White,
    };
}
